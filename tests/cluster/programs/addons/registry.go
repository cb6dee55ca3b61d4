// The distribution registry's own handlers, with one JSON line per request that says how many bytes went each way.
// Distribution's access log has the answer's size only, and what tests want to know is what a push sends.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
)

type request struct {
	Time     time.Time `json:"time"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Query    string    `json:"query,omitempty"`
	Status   int       `json:"status"`
	Received int64     `json:"received"`
	Sent     int64     `json:"sent"`
	Seconds  float64   `json:"seconds"`
	Remote   string    `json:"remote"`
	Agent    string    `json:"agent,omitempty"`
	User     string    `json:"user,omitempty"`
}

type countedBody struct {
	io.ReadCloser
	count int64
}

func (b *countedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.count += int64(n)
	return n, err
}

type countedWriter struct {
	http.ResponseWriter
	status int
	count  int64
}

func (w *countedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(from []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(from)
	w.count += int64(n)
	return n, err
}

func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logged writes the line before the handler's last byte can make the client go on, as far as HTTP lets it: a test
// that reads the log after its push has returned may still have to wait a moment for the last line.
func logged(next http.Handler, to io.Writer) http.Handler {
	var lock sync.Mutex
	encoder := json.NewEncoder(to)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		body, answer := &countedBody{ReadCloser: r.Body}, &countedWriter{ResponseWriter: w}
		r.Body = body
		path, query := r.URL.Path, r.URL.RawQuery
		user, _, _ := r.BasicAuth()
		defer func() {
			lock.Lock()
			defer lock.Unlock()
			_ = encoder.Encode(request{started.UTC(), r.Method, path, query, answer.status, body.count, answer.count,
				time.Since(started).Seconds(), r.RemoteAddr, r.UserAgent(), user})
		}()
		next.ServeHTTP(answer, r)
	})
}

// serveRegistry reads distribution's own configuration file; `nbaddons registry FILE` writes the address it took to
// stderr, so that port 0 can be asked for.
func serveRegistry(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: nbaddons registry CONFIGURATION REQUEST-LOG")
	}
	file, err := os.Open(arguments[0])
	if err != nil {
		return err
	}
	defer file.Close()
	config, err := configuration.Parse(file)
	if err != nil {
		return fmt.Errorf("%s: %w", arguments[0], err)
	}
	requests, err := os.OpenFile(arguments[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", config.HTTP.Addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: logged(handlers.NewApp(context.Background(), config), requests)}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	if tls := config.HTTP.TLS; tls.Certificate != "" {
		return server.ServeTLS(listener, tls.Certificate, tls.Key)
	}
	return server.Serve(listener)
}
