package app

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// newTestServer serves with limits that a test can wait for. ended receives the error
// of each request.
func newTestServer(t *testing.T) (address string, ended <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ends := make(chan error, 10)
	large := strings.Repeat("x", 64<<20)
	l := limits{readHeader: 200 * time.Millisecond, read: 400 * time.Millisecond, write: 800 * time.Millisecond, idle: 300 * time.Millisecond, header: 16 << 10}
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/large" {
			_, err = io.WriteString(w, large)
		}
		ends <- err
	}), zap.NewNop(), l)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ln)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return ln.Addr().String(), ends
}

// closed reads until the server closes the connection, and returns what it sent.
func closed(t *testing.T, conn net.Conn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if nerr, ok := errors.AsType[net.Error](err); ok && nerr.Timeout() {
		t.Fatal("after ten seconds the server still waits")
	}
	return string(got)
}

func TestConnectionsOfSlowClientsAreClosed(t *testing.T) {
	t.Parallel()
	address, ended := newTestServer(t)
	for name, tt := range map[string]struct {
		send, want string
		begun      bool // the handler has begun
	}{
		"says nothing":            {"", "", false},
		"begins a request":        {"GET / HTTP/1.1\r\nHost: x\r\nX-", "", false},
		"sends no body":           {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx", "HTTP/1.1 200", true},
		"asks nothing more":       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", true},
		"has a very large header": {"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "HTTP/1.1 431", false},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		// The server may close before it has read all.
		_, _ = io.WriteString(conn, tt.send)
		if got := closed(t, conn); !strings.HasPrefix(got, tt.want) {
			t.Errorf("a client that %s got %.100q, want %q", name, got, tt.want)
		}
		conn.Close()
		if tt.begun {
			if err := <-ended; (err != nil) != (name == "sends no body") {
				t.Errorf("the request of a client that %s ended with %v", name, err)
			}
		}
	}
	// A client that asks for much and does not read it.
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("64 MB were sent to a client that does not read")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("after ten seconds the server still writes")
	}
	// Other clients are answered.
	resp, err := http.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadByte(); err != io.EOF || resp.StatusCode != http.StatusOK {
		t.Errorf("answered with %d, %v", resp.StatusCode, err)
	}
	http.DefaultClient.CloseIdleConnections()
	<-ended
}
