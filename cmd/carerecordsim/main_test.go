package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"carerecordsim": main})
}

func TestCarerecordsim(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":       await,
			"awaitstatus": awaitStatus,
			"exits":       exits,
			"get":         get,
			"term":        terminate,
		},
	})
}

// await FILE waits until the file exists.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for range 1000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond) // another process: nothing to wait on
	}
	ts.Fatalf("%s did not appear", args[0])
}

// exits CODE COMMAND ARGS runs a command that must fail with that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%v: %v, want exit code %s", args[1:], err, args[0])
	}
}

// terminate sends SIGTERM to background commands; testscript's kill does not know that signal.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// awaitStatus PORTFILE PATH STATUS repeats a request until the answer has that status.
func awaitStatus(ts *testscript.TestScript, _ bool, args []string) {
	for range 1000 {
		if status, _ := ask(ts, args[0], args[1], ""); strings.HasPrefix(status, args[2]) {
			return
		}
		time.Sleep(10 * time.Millisecond) // another process: nothing to wait on
	}
	ts.Fatalf("%s did not become %s", args[1], args[2])
}

// get PORTFILE PATH STATUS [TOKEN] sends a request and prints the answer.
func get(ts *testscript.TestScript, _ bool, args []string) {
	token := ""
	if len(args) > 3 {
		token = args[3]
	}
	status, body := ask(ts, args[0], args[1], token)
	_, err := ts.Stdout().Write(body)
	ts.Check(err)
	if !strings.HasPrefix(status, args[2]) {
		ts.Fatalf("GET %s: %s, want %s: %s", args[1], status, args[2], body)
	}
}

func ask(ts *testscript.TestScript, portFile, path, token string) (status string, body []byte) {
	request, err := http.NewRequest(http.MethodGet,
		"http://127.0.0.1:"+strings.TrimSpace(ts.ReadFile(portFile))+path, nil)
	ts.Check(err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	body, err = io.ReadAll(response.Body)
	ts.Check(err)
	ts.Check(response.Body.Close())
	return response.Status, body
}
