package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"dossiersync/store/embedded"
)

// userOf names the folder whose server a helper process is to use.
const userOf = "DOSSIERSYNC_TEST_USER_OF"

func TestMain(m *testing.M) {
	if dir := os.Getenv(userOf); dir != "" {
		os.Exit(use(dir))
	}
	os.Exit(m.Run())
}

// use is a helper process: it uses the server until its input ends.
func use(dir string) int {
	s, err := embedded.Start(context.Background(), dir, embedded.Options{Fast: true})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.URL("postgres"))
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// A process is a helper process.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

func startProcess(t *testing.T, dir string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), userOf+"="+dir)
	in, err := cmd.StdinPipe()
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
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return &process{t, cmd, in, bufio.NewScanner(out)}
}

// url returns the helper's URL, once it has one.
func (p *process) url() string {
	p.t.Helper()
	if !p.out.Scan() || !strings.HasPrefix(p.out.Text(), "postgres://") {
		p.t.Fatalf("helper process: %s", p.out.Text())
	}
	return p.out.Text()
}

func (p *process) leave() {
	p.t.Helper()
	_ = p.in.Close()
	for p.out.Scan() {
		p.t.Errorf("helper process: %s", p.out.Text())
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("helper process: %v", err)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
