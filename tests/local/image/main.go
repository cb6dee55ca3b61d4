// A static program that keeps the contract of an image's entrypoint, so that the engine's tests need no Python in it.
//
//	-S -c ...    what the container that holds a port runs: waits for SIGTERM
//	train        reads SCRIPT: words separated by ";", each "line TEXT", "error TEXT", "lines N PAUSE_MS BYTES",
//	             "sleep SECONDS", "eat MB", "exit CODE", "env NAME", "write PATH", "ignore" (SIGTERM)
//	serve        after DELAY seconds listens on 8080 as NBCONTAINER_REUSEPORT says, prints the ready line; answers with
//	             its host name and VERSION, /slow after a second; FAIL ends it instead
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	switch {
	case len(os.Args) > 1 && os.Args[1] == "-S":
		<-stop
	case len(os.Args) > 1 && os.Args[1] == "serve":
		serve(stop)
	default:
		go func() { <-stop; os.Exit(143) }()
		for _, step := range strings.Split(os.Getenv("SCRIPT"), ";") {
			run(strings.TrimSpace(step))
		}
	}
}

var eaten [][]byte

func run(step string) {
	word, rest, _ := strings.Cut(step, " ")
	fields := strings.Fields(rest)
	number := func(i int) int {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			panic(err)
		}
		return n
	}
	switch word {
	case "":
	case "line":
		fmt.Println(rest)
	case "error":
		fmt.Fprintln(os.Stderr, rest)
	case "lines":
		for i := 1; i <= number(0); i++ {
			fmt.Printf("line %d %s\n", i, strings.Repeat("x", number(2)))
			time.Sleep(time.Duration(number(1)) * time.Millisecond)
		}
	case "sleep":
		seconds, _ := strconv.ParseFloat(rest, 64)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	case "env":
		fmt.Printf("%q\n", os.Getenv(rest))
	case "write":
		if err := os.WriteFile(rest, []byte("x"), 0o644); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("wrote", rest)
		}
	case "ignore":
		signal.Ignore(syscall.SIGTERM)
	case "eat":
		for i := 0; i < number(0); i++ {
			block := make([]byte, 1<<20)
			for j := range block {
				block[j] = 1
			}
			eaten = append(eaten, block)
		}
	case "exit":
		os.Exit(number(0))
	default:
		panic("unknown step: " + step)
	}
}

func serve(stop chan os.Signal) {
	if said := os.Getenv("FAIL"); said != "" {
		fmt.Fprintln(os.Stderr, said)
		os.Exit(1)
	}
	seconds, _ := strconv.ParseFloat(os.Getenv("DELAY"), 64)
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
	case <-stop:
		return
	}
	config := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			if os.Getenv("NBCONTAINER_REUSEPORT") == "1" {
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, 15, 1)
			}
		})
	}}
	listener, err := config.Listen(context.Background(), "tcp", ":8080")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(time.Second)
		}
		fmt.Printf("GET %s\n", r.URL.Path)
		fmt.Fprintf(w, "%s %s\n", os.Getenv("HOSTNAME"), os.Getenv("VERSION"))
	}
	server := &http.Server{Handler: http.HandlerFunc(answer)}
	done := make(chan bool)
	go func() {
		<-stop
		listener.Close() // not Shutdown, which ends connections that it has just accepted
		time.Sleep(1500 * time.Millisecond)
		close(done)
	}()
	fmt.Println("nbcontainer: ready")
	server.Serve(listener)
	<-done
}
