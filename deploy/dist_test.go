package deploy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// released returns the files of dist/ that match the pattern; make check-dist has built them.
func released(t *testing.T, pattern string) []string {
	t.Helper()
	dist := os.Getenv("DOSSIERSYNC_DIST")
	if dist == "" {
		t.Skip("DOSSIERSYNC_DIST is not set: make check-dist does this")
	}
	files, err := filepath.Glob(filepath.Join(dist, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no %s in %s: %v", pattern, dist, err)
	}
	return files
}

// The bill of materials names the program, its version, and every module of go.mod that is in it.
func TestDistListsItsModules(t *testing.T) {
	t.Parallel()
	for _, file := range released(t, "*.cdx.json") {
		var bom struct {
			BOMFormat   string
			SpecVersion string
			Metadata    struct {
				Component struct{ Name, Version string }
			}
			Components []struct {
				Name, Version, PURL string
				Hashes              []struct{ Alg, Content string }
			}
			Dependencies []struct{ Ref string }
		}
		if err := json.Unmarshal(read(t, file), &bom); err != nil {
			t.Fatal(err)
		}
		program := strings.TrimSuffix(file, ".cdx.json")
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if bom.BOMFormat != "CycloneDX" || bom.Metadata.Component.Name != "dossiersync" || !strings.Contains(filepath.Base(program), bom.Metadata.Component.Version) {
			t.Errorf("%s is %s of %+v", file, bom.BOMFormat, bom.Metadata)
		}
		listed := make(map[string]bool)
		for _, c := range bom.Components {
			listed[c.Name+" "+c.Version] = strings.HasPrefix(c.PURL, "pkg:golang/"+c.Name+"@") || c.Name == "std"
		}
		if len(info.Deps) < 20 {
			t.Errorf("%s was built from %d modules", program, len(info.Deps))
		}
		for _, m := range info.Deps {
			if !listed[m.Path+" "+m.Version] {
				t.Errorf("%s does not list %s %s", filepath.Base(file), m.Path, m.Version)
			}
		}
	}
}

func TestDistHasAChecksumOfEveryFile(t *testing.T) {
	t.Parallel()
	files := released(t, "*")
	want := make(map[string]bool)
	for _, line := range strings.Split(strings.TrimSpace(string(read(t, released(t, "SHA256SUMS")[0]))), "\n") {
		want[line] = true
	}
	for _, file := range files {
		sum := sha256.Sum256(read(t, file))
		line := hex.EncodeToString(sum[:]) + "  " + filepath.Base(file)
		if !want[line] && filepath.Base(file) != "SHA256SUMS" {
			t.Errorf("SHA256SUMS does not have %s", line)
		}
	}
	if len(want) != len(files)-1 {
		t.Errorf("SHA256SUMS has %d lines for %d files", len(want), len(files)-1)
	}
}

// In another folder, without git, a release has the same bytes, packages and chart included.
func TestDistIsReproducible(t *testing.T) {
	t.Parallel()
	sums := string(read(t, released(t, "SHA256SUMS")[0]))
	if os.Getenv("DOSSIERSYNC_FULL") == "" {
		t.Skip("DOSSIERSYNC_FULL is not set: make check-full does this")
	}
	elsewhere := copyRepository(t)
	program := released(t, "dossiersync-*-"+runtime.GOOS+"-"+runtime.GOARCH)[0]
	var built struct{ Version, Revision string }
	if err := json.Unmarshal([]byte(command(t, nil, program, "--json", "version")), &built); err != nil {
		t.Fatal(err)
	}
	cache, err := filepath.Abs("../.cache")
	if err != nil {
		t.Fatal(err)
	}
	command(t, []string{"MAKEFLAGS="}, "make", "-s", "-C", elsewhere, "dist", "PLATFORMS=linux/"+runtime.GOARCH, "VERSION="+built.Version,
		"REVISION="+built.Revision, "CACHE="+cache)
	if again := string(read(t, filepath.Join(elsewhere, "dist/SHA256SUMS"))); again != sums {
		t.Errorf("the release is\n%sand elsewhere\n%s", sums, again)
	}
}

// cleanDebian unpacks a Debian that has nothing but systemd, and returns its folder.
func cleanDebian(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("a clean Debian can only be made on Debian")
	}
	tar := command(t, nil, "../.ci/debian-root")
	tar = tar[strings.LastIndex(strings.TrimSpace(tar), "\n")+1:]
	root, err := os.MkdirTemp("", "debian-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("../.ci/as-root", "rm", "-rf", "--one-file-system", root).CombinedOutput(); err != nil { //nolint:noctx // the test's context has ended
			t.Errorf("%v\n%s", err, out)
		}
	})
	asRoot(t, "tar", "-xf", strings.TrimSpace(tar), "-C", root)
	return root
}

// asRoot runs a command as root, and returns what it prints.
func asRoot(t *testing.T, args ...string) string {
	t.Helper()
	return command(t, nil, "../.ci/as-root", args...)
}

// part is one part as systemd would start it.
type part struct {
	user    string
	exec    []string
	secrets map[string]string // by name; a file, or after = a text
}

// readPart reads the unit of a part as systemd does, from what is installed under root.
func readPart(t *testing.T, root, name string) part {
	t.Helper()
	p := part{user: "", secrets: make(map[string]string)}
	listen := ""
	for _, file := range []string{"dossiersync@.service", "dossiersync@" + name + ".service.d/part.conf"} {
		text := string(read(t, filepath.Join(root, "usr/lib/systemd/system", file)))
		for _, m := range regexp.MustCompile(`(?m)^([A-Za-z]+)=(.*)$`).FindAllStringSubmatch(strings.ReplaceAll(text, "%i", name), -1) {
			id, value, _ := strings.Cut(m[2], ":")
			switch m[1] {
			case "User":
				p.user = m[2]
			case "ExecStart":
				p.exec = strings.Fields(m[2])
			case "Environment":
				listen, _ = strings.CutPrefix(strings.Trim(m[2], `"`), "LISTEN=")
			case "SetCredential":
				p.secrets[id] = "=" + value
			case "LoadCredential":
				p.secrets[id] = value
			}
		}
	}
	i := slices.Index(p.exec, "$LISTEN")
	if p.user == "" || i < 0 {
		t.Fatalf("the unit of %s has account %q and runs %q", name, p.user, p.exec)
	}
	p.exec = slices.Replace(p.exec, i, i+1, strings.Fields(listen)...)
	return p
}

// credentials puts the part's secrets where systemd puts them, and returns the folder.
func (p part) credentials(t *testing.T, root, name string) string {
	t.Helper()
	dir := "/run/credentials/dossiersync@" + name + ".service"
	script := "mkdir -p " + dir + "; cd " + dir + "\n"
	for id, from := range p.secrets {
		if text, ok := strings.CutPrefix(from, "="); ok {
			script += "printf %s " + text + " >" + id + "\n"
		} else {
			script += "cat " + from + " >" + id + "\n"
		}
	}
	script += "chmod 0400 *; chmod 0500 .; chown -R " + p.user + ": .\n"
	asRoot(t, "chroot", root, "sh", "-euc", script)
	return dir
}

// overTCP makes the server's socket reachable by TCP, and returns the port.
func overTCP(t *testing.T, server *url.URL) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", filepath.Join(server.Query().Get("host"), ".s.PGSQL.5432"))
			if err != nil {
				near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); far.Close() }()
			go func() { _, _ = io.Copy(near, far); near.Close() }()
		}
	}()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// The package installs into a Debian that has nothing of it, starts nothing, and once it is
// configured as its README says, each part runs with its own account and secrets.
func TestDistPackageWorksInCleanDebian(t *testing.T) {
	t.Parallel()
	deb := released(t, "*_"+runtime.GOARCH+".deb")[0]
	root := cleanDebian(t)
	in := func(args ...string) string {
		t.Helper()
		return asRoot(t, append([]string{"chroot", root}, args...)...)
	}
	asRoot(t, "cp", deb, filepath.Join(root, "tmp/dossiersync.deb"))
	if said := in("dpkg", "-i", "/tmp/dossiersync.deb"); !strings.Contains(said, "nothing runs yet; /usr/share/doc/dossiersync/README.md") {
		t.Errorf("the installation says\n%s", said)
	}
	for path, want := range map[string]string{
		"/etc/dossiersync": "root 755", "/etc/dossiersync/secrets": "root 700", "/var/lib/dossiersync": "dossiersync-ops 700",
		"/usr/bin/dossiersync": "root 755", "/usr/share/man/man1/dossiersync.1.gz": "root 644",
		"/usr/share/bash-completion/completions/dossiersync": "root 644", "/usr/share/zsh/vendor-completions/_dossiersync": "root 644",
		"/usr/share/fish/vendor_completions.d/dossiersync.fish": "root 644", "/usr/share/dossiersync/prometheus/alerts.yml": "root 644",
		"/usr/share/doc/dossiersync/RUNBOOK.md": "root 644",
	} {
		if got := strings.TrimSpace(in("stat", "-c", "%U %a", path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	for name, tt := range map[string]struct{ script, prints string }{
		"man":  {"man dossiersync", "dossiersync - Keeps client portals in step with care records"},
		"bash": {"source /usr/share/bash-completion/completions/dossiersync; complete -p dossiersync; COMP_LINE='dossiersync qua' dossiersync", "quarantine"},
		"zsh":  {"autoload -Uz compinit && compinit -u && print $_comps[dossiersync]; zsh -n /usr/share/zsh/vendor-completions/_dossiersync", "_dossiersync"},
		"fish": {"complete -C 'dossiersync serve --on'", "--only"},
	} {
		shell := name
		if name == "man" {
			shell = "sh"
		}
		if said := in(shell, "-c", tt.script); !strings.Contains(said, tt.prints) {
			t.Errorf("%s prints %q", name, said)
		}
	}
	units := []string{"dossiersync@worker.service", "dossiersync@portal.service", "dossiersync@ops.service"}
	if said := in(append([]string{"systemd-analyze", "verify", "--man=no"}, units...)...); strings.TrimSpace(said) != "" {
		t.Error(said)
	}

	// As the README says, with a database on another machine, and ports that are free here.
	super := databaseServer(t)
	port, passwords := overTCP(t, super), t.TempDir()
	for _, name := range []string{"owner_password", "worker_password", "reader_password", "ops_password"} {
		if err := os.WriteFile(filepath.Join(passwords, name), []byte("the-"+strings.TrimSuffix(name, "_password")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeRoles(t, super, []string{"SECRETS=" + passwords})
	portal, ops, worker, portalMetrics := freePort(t), freePort(t), freePort(t), freePort(t)
	in("sh", "-euc", `cd /etc/dossiersync
sed "s/127.0.0.1:8080/127.0.0.1:`+portal+`/; s/127.0.0.1:8081/127.0.0.1:`+ops+`/" /usr/share/doc/dossiersync/examples/dossiersync.yaml >dossiersync.yaml
cd secrets
printf 'postgres://dossiersync:the-owner@127.0.0.1:`+port+`/dossiersync' >database_url
printf 'postgres://dossiersync_sync:the-worker@127.0.0.1:`+port+`/dossiersync' >worker_url
printf 'postgres://dossiersync_portal:the-reader@127.0.0.1:`+port+`/dossiersync' >reader_url
printf 'postgres://dossiersync_console:the-ops@127.0.0.1:`+port+`/dossiersync' >ops_url
for name in metrics_token ops_token source_token; do printf '0123456789012345678901-'$name >$name; done
chmod 600 *`)
	in("dossiersync-admin", "config", "check")
	in("dossiersync-admin", "migrate")

	for name, address := range map[string]string{"worker": worker, "portal": portalMetrics, "ops": ops} {
		p := readPart(t, root, name)
		if i := slices.Index(p.exec, "--metrics-listen"); i >= 0 {
			p.exec[i+1] = "127.0.0.1:" + address
		}
		dir := p.credentials(t, root, name)
		for other, from := range map[string]string{"database_url": "the-owner", "worker_url": "the-worker", "reader_url": "the-reader", "ops_url": "the-ops"} {
			mine := in("cat", filepath.Join(dir, other))
			if has := strings.Contains(mine, from); has != strings.HasPrefix(p.secrets[other], "/") {
				t.Errorf("%s finds %s: %v", name, other, has)
			}
		}
		if out, err := exec.CommandContext(t.Context(), "../.ci/as-root", "chroot", "--userspec="+p.user, root, "ls", "/etc/dossiersync/secrets").CombinedOutput(); err == nil {
			t.Errorf("%s can open all secrets: %s", name, out)
		}
		stop := p.start(t, root, dir)
		wantReady(t, name, "http://127.0.0.1:"+address+"/readyz")
		if name == "portal" {
			wantReady(t, name, "http://127.0.0.1:"+portal+"/readyz")
		}
		stop()
	}

	// What root records, the operators' listener can go on recording.
	in("dossiersync-admin", "--by", "anna", "withhold", "--tenant", "amaris", "--client", "1", "--note", "a breach")
	if got := in("stat", "-c", "%U %a", "/var/lib/dossiersync/erasures.jsonl.withheld"); strings.TrimSpace(got) != "dossiersync-ops 600" {
		t.Errorf("the record of what is withheld is %s", got)
	}

	// It is removed without what must outlive it.
	in("dpkg", "-P", "dossiersync")
	in("test", "-s", "/etc/dossiersync/dossiersync.yaml")
	in("test", "-d", "/var/lib/dossiersync")
}

// start runs the part, and returns what stops it.
func (p part) start(t *testing.T, root, credentials string) (stop func()) {
	t.Helper()
	args := append([]string{"chroot", "--userspec=" + p.user, root, "env", "-i", "CREDENTIALS_DIRECTORY=" + credentials}, p.exec...)
	cmd := exec.CommandContext(t.Context(), "../.ci/as-root", args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		asRoot(t, "sh", "-c", "kill "+strconv.Itoa(cmd.Process.Pid)) // sudo passes it on
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q: %v", p.exec, err)
		}
		if t.Failed() {
			t.Log(said.String())
		}
	}
}

// wantReady waits until the address says that the part is ready.
func wantReady(t *testing.T, name, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	last := ""
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
		} else {
			last = fmt.Sprint(resp.StatusCode)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s does not get ready: %s", name, last)
}
