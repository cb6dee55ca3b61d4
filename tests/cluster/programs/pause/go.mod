module nbpause

go 1.26
