// A static program that behaves as a test asks: what the pods of the orchestrator's tests run. Standard library only.
//
//	train        reads SCRIPT: words separated by ";", each "line TEXT", "lines N PAUSE_MS BYTES", "raw GO-QUOTED",
//	             "sleep SECONDS", "message TEXT" (termination log), "eat MB", "exit CODE", "env NAME"
//	serve        /readyz and /healthz, /slow, /big?n=BYTES, POST / echoes; UNREADY=code answers /readyz with that code
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	mode := "train"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	if mode == "serve" && os.Getenv("CRASH") == "" {
		serve()
		return
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { <-stop; os.Exit(143) }()
	for _, step := range strings.Split(os.Getenv("SCRIPT"), ";") {
		run(strings.TrimSpace(step))
	}
	if code := os.Getenv("CRASH"); code != "" {
		number, _ := strconv.Atoi(code)
		os.Exit(number)
	}
}

var eaten [][]byte

func run(step string) {
	word, rest, _ := strings.Cut(step, " ")
	number := func(i int) int {
		fields := strings.Fields(rest)
		if i >= len(fields) {
			return 0
		}
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
	case "raw":
		text, err := strconv.Unquote(rest)
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(text)
	case "lines":
		lines(number(0), number(1), number(2))
	case "sleep":
		seconds, _ := strconv.ParseFloat(rest, 64)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	case "message":
		if err := os.WriteFile("/dev/termination-log", []byte(rest), 0o644); err != nil {
			panic(err)
		}
	case "env":
		fmt.Printf("%q\n", os.Getenv(rest))
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

func lines(count, pause, size int) {
	out := bufio.NewWriter(os.Stdout)
	filler := strings.Repeat("x", size)
	for i := 1; i <= count; i++ {
		fmt.Fprintf(out, "line %d %s\n", i, filler)
		if pause > 0 || i%100 == 0 {
			out.Flush()
			time.Sleep(time.Duration(pause) * time.Millisecond)
		}
	}
	out.Flush()
}

func serve() {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		if code, err := strconv.Atoi(os.Getenv("UNREADY")); err == nil {
			w.WriteHeader(code)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		fmt.Fprintln(w, os.Getenv("HOSTNAME"))
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
		io.CopyN(w, endless{}, n)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			io.Copy(w, r.Body)
			return
		}
		fmt.Printf("GET %s\n", r.URL.Path)
		fmt.Fprintf(w, "%s %s\n", os.Getenv("HOSTNAME"), os.Getenv("VERSION"))
	})
	server := &http.Server{Addr: ":8080", Handler: mux}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	done := make(chan bool)
	go func() {
		<-stop
		server.Shutdown(context.Background())
		close(done)
	}()
	fmt.Println("serving")
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		panic(err)
	}
	<-done
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'z'
	}
	return len(p), nil
}
