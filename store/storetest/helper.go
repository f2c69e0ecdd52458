package storetest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// A Helper is another process of the test program, for tests of things that processes share. TestMain
// recognises it by an environment variable, and calls [HelperMain] in place of the tests.
type Helper struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Scanner
}

// HelperMain calls open, prints the line that open returns, waits until the helper is told to leave, and
// calls leave. It returns the exit code.
func HelperMain(open func() (line string, leave func() error, err error)) int {
	line, leave, err := open()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(line)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := leave(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// StartHelper starts a helper process with an environment variable, "NAME=value". It leaves when the
// test ends.
func StartHelper(t testing.TB, variable string) *Helper {
	t.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:gosec // the test program itself
	cmd.Env = append(os.Environ(), variable)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	return &Helper{t, cmd, stdin, bufio.NewScanner(out)}
}

// Line returns the next line that the helper prints.
func (h *Helper) Line() string {
	h.t.Helper()
	if !h.out.Scan() {
		h.t.Fatal("the helper process ended without a line")
	}
	return h.out.Text()
}

// Leave has the helper end by itself, and waits for it.
func (h *Helper) Leave() {
	h.t.Helper()
	_ = h.stdin.Close()
	for h.out.Scan() {
		h.t.Errorf("helper process: %s", h.out.Text())
	}
	if err := h.cmd.Wait(); err != nil {
		h.t.Errorf("helper process: %v", err)
	}
}

// Kill kills the helper, and waits for its end.
func (h *Helper) Kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}
