package deploy_test

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// build does what the Dockerfile does, in the folder src, and returns where the
// programs are.
func build(t *testing.T, src string, env []string) string {
	t.Helper()
	step := regexp.MustCompile(`(?m)^RUN (make .*) && mkdir /data$`).FindSubmatch(read(t, "../Dockerfile"))
	if step == nil {
		t.Fatal("the Dockerfile builds in another way")
	}
	out := t.TempDir()
	line := strings.Replace(string(step[1]), "OUT=/out", "OUT="+out, 1)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = src, append(append(os.Environ(), "VERSION=v1.2.3-try", "REVISION=0123abc", "MAKEFLAGS="), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, said)
	}
	return out
}

// The programs run in an empty image: static, as somebody who owns nothing, without
// an environment.
func TestImagesProgramsRunOnTheirOwn(t *testing.T) {
	t.Parallel()
	tool(t, "promtool")
	out := build(t, "..", nil)
	if err := os.Chmod(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join(out, name), args...)
		cmd.Dir, cmd.Env = t.TempDir(), []string{}
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
			if err := os.Chmod(cmd.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
		}
		return string(said)
	}
	var version struct{ Version, Revision string }
	if err := json.Unmarshal([]byte(run("dossiersync", "--json", "version")), &version); err != nil || version.Version != "v1.2.3-try" || version.Revision != "0123abc" {
		t.Errorf("the version is %+v, %v", version, err)
	}
	if !strings.Contains(run("dossiersync", "config", "example"), "tenants:") || !strings.Contains(run("carerecordsim", "--help"), "--listen") {
		t.Error("the programs say nothing")
	}
	if runtime.GOOS != "linux" {
		return
	}
	for _, name := range []string{"dossiersync", "carerecordsim"} {
		f, err := elf.Open(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				t.Errorf("%s is not static", name)
			}
		}
	}
}

// copyRepository returns a folder with the repository's files, without git and what was built.
func copyRepository(t *testing.T) string {
	t.Helper()
	elsewhere := t.TempDir()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		switch first, _, _ := strings.Cut(name, "/"); first {
		case ".git", ".cache", "bin", "dist", "data":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(elsewhere, name), 0o755)
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(elsewhere, name), read(t, path), info.Mode().Perm())
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(to, filepath.Join(elsewhere, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return elsewhere
}

// In another folder, without git, with nothing built before, the same bytes come.
func TestReleasesAreReproducible(t *testing.T) {
	t.Parallel()
	tool(t, "promtool")
	elsewhere := copyRepository(t)
	here, there := build(t, "..", nil), build(t, elsewhere, []string{"GOCACHE=" + t.TempDir()})
	for _, name := range []string{"dossiersync", "carerecordsim"} {
		a, b := sha256.Sum256(read(t, filepath.Join(here, name))), sha256.Sum256(read(t, filepath.Join(there, name)))
		if !bytes.Equal(a[:], b[:]) {
			t.Errorf("%s is %x here and %x elsewhere", name, a, b)
		}
	}
}

// The image holds nothing but the program, which runs as nobody and looks after its
// own health.
func TestImageIsSmallAndNobodys(t *testing.T) {
	t.Parallel()
	text := string(read(t, "../Dockerfile"))
	last := text[strings.LastIndex(text, "\nFROM "):]
	for _, want := range []string{"FROM scratch AS dossiersync", "USER 65532:65532", `ENTRYPOINT ["/dossiersync"]`, `CMD ["/dossiersync", "health"]`} {
		if !strings.Contains(last, want) {
			t.Errorf("the Dockerfile's last stage has no %s", want)
		}
	}
	for _, stage := range strings.Split(text, "\nFROM scratch AS ")[1:] {
		args := strings.Index(stage, "ARG VERSION=")
		for label, want := range map[string]string{
			"title": "dossiersync|carerecordsim", "description": ".+", "version": `\$\{VERSION\}`, "revision": `\$\{REVISION\}`,
			"licenses": `Apache-2\.0`,
		} {
			m := regexp.MustCompile(`org\.opencontainers\.image\.` + label + `="(` + want + `)"`).FindStringIndex(stage)
			// The arguments of an earlier stage are not known in this one.
			if m == nil || args < 0 || args > m[0] {
				t.Errorf("an image says nothing of its %s", label)
			}
		}
	}
	if strings.Contains(last, "RUN ") {
		t.Error("there is no shell in an empty image")
	}
}

// Every part has a valid unit, which hardly lets the process do anything but its work, and its
// secrets are those that its configuration names.
func TestServiceUnitsAreValid(t *testing.T) {
	t.Parallel()
	named := make(map[string]bool)
	for _, m := range regexp.MustCompile(`CREDENTIALS_DIRECTORY}/([a-z_]+)`).FindAllStringSubmatch(string(read(t, "debian/dossiersync.yaml")), -1) {
		named[m[1]] = true
	}
	template := string(read(t, "systemd/dossiersync@.service"))
	for name := range named {
		if !strings.Contains(template, "\nSetCredential="+name+":") {
			t.Errorf("the parts that do not load %s find nothing in its place", name)
		}
	}
	may := map[string][]string{
		"worker": {"worker_url", "source_token"}, "portal": {"reader_url", "portal_key"}, "ops": {"ops_url", "ops_token"},
	}
	dir := t.TempDir()
	for part, secrets := range may {
		dropIn := string(read(t, "systemd/"+part+".conf"))
		for _, m := range regexp.MustCompile(`(?m)^LoadCredential=([a-z_]+):(.*)$`).FindAllStringSubmatch(dropIn, -1) {
			if !slices.Contains(append(secrets, "metrics_token"), m[1]) || !named[m[1]] || m[2] != "/etc/dossiersync/secrets/"+m[1] {
				t.Errorf("%s loads %s from %s", part, m[1], m[2])
			}
		}
		into := filepath.Join(dir, "dossiersync@"+part+".service.d")
		if err := os.Mkdir(into, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(into, "part.conf"), []byte(dropIn), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	tool(t, "promtool")
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	for part := range may {
		path := filepath.Join(dir, "dossiersync@"+part+".service")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(template, "/usr/bin/dossiersync", program)), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := command(t, nil, verify, "verify", "--man=no", path); strings.TrimSpace(said) != "" {
			t.Error(said)
		}
		command(t, nil, verify, "security", "--offline=true", "--threshold=20", path)
	}
}
