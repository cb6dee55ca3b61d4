module example.com/nbcontainer/localprogram

go 1.24
