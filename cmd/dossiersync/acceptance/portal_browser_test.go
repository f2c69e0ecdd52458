package acceptance

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// In a real browser, with scripts and without, people of the real demo read their dossiers in the sample
// portal, and a manager gives and takes rights. A report that is written meanwhile comes onto the open
// time line. Axe checks every page.
func TestFamilyReadsDossierInBrowser(t *testing.T) {
	needsBrowser(t)
	t.Parallel()
	d := startDemo(t, "--clients", "10", "--years", "1.5")
	b := &browserHarness{harness: &harness{t: t}, env: append(os.Environ(), "SITE="+d.portal, "SOURCE="+d.source)}
	b.runScript("portal.mjs")
	if log := d.read("portal.log"); strings.Count(log, "\n") != 1 {
		t.Errorf("the sample portal logged:\n%s", log)
	}
}

// runningDemo is a demo that runs: make demo, in a folder of its own.
type runningDemo struct {
	t              *testing.T
	dir            string
	portal, source string // URLs
}

// startDemo builds and starts the demo, on free ports.
func startDemo(t *testing.T, args ...string) *runningDemo {
	t.Helper()
	bin, dir := t.TempDir(), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/",
		"./cmd/demo", "./cmd/demoportal", "./cmd/dossiersync", "./cmd/carerecordsim")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	d := &runningDemo{t: t, dir: filepath.Join(dir, "demo")}
	cmd := exec.Command(filepath.Join(bin, "demo"), append([]string{"--data", d.dir,
		"--port", "0", "--ops-port", "0", "--portal-port", "0"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	address := regexp.MustCompile(`^ +Mijn dossier +http://(\S+?)/? `)
	deadline := time.After(2 * time.Minute)
	for d.portal == "" {
		select {
		case line, more := <-lines:
			if m := address.FindStringSubmatch(line); m != nil {
				d.portal = "http://" + m[1]
			} else if !more {
				t.Fatal("the demo ended before it printed where the portal is")
			}
		case <-deadline:
			t.Fatal("the demo does not say where the portal is")
		}
	}
	source := regexp.MustCompile(`base_url: (\S+)`).FindStringSubmatch(d.read("dossiersync.yaml"))
	d.source = source[1]
	return d
}

// read returns a file of the demo's folder.
func (d *runningDemo) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// The sample portal of the real demo, with its dossiers of two years.
func TestPortalScreenshots(t *testing.T) {
	needsBrowser(t)
	if os.Getenv("DOSSIERSYNC_SCREENSHOTS") == "" {
		t.Skip("DOSSIERSYNC_SCREENSHOTS is not set: make screenshots does this")
	}
	d := startDemo(t)
	b := &browserHarness{harness: &harness{t: t}, env: append(os.Environ(), "SITE="+d.portal)}
	b.runScript("portal-screenshots.mjs")
}
