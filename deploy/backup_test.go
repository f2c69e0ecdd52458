package deploy_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
)

// recovery is a machine with PostgreSQL and dossiersync, on which the commands of docs/backup.md run.
type recovery struct {
	t       *testing.T
	dir     string
	as      *syscall.Credential // nil: as ourselves
	env     []string
	program string
	portal  string // host:port
	process *exec.Cmd
}

// newRecovery makes a database with its roles, and brings a small tenant up to date.
func newRecovery(t *testing.T) *recovery {
	t.Helper()
	tool(t, "promtool") // takes a build, and a server of its own
	bin := postgresqlPrograms(t)
	dir, err := os.MkdirTemp("", "backup-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &recovery{t: t, dir: dir, program: filepath.Join(build(t, "..", nil), "dossiersync"), portal: "127.0.0.1:" + freePort(t)}
	for _, p := range []string{r.program, filepath.Dir(r.program), filepath.Dir(filepath.Dir(r.program))} {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		r.as = anotherAccount(t)
		if err := os.Chown(dir, int(r.as.Uid), int(r.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	sim := simulator.New(simulator.Options{})
	people, err := dossiers.Generate(dossiers.Options{Clients: 12, Years: 0.1, Seed: 11, Now: time.Now()})
	if err == nil {
		err = people.Fill(sim)
	}
	if err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(sim)
	t.Cleanup(source.Close)

	r.env = []string{
		"PATH=" + dir + "/fake:" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8", "PGHOST=" + dir, "PGUSER=postgres", "PGDATABASE=postgres",
		"PGDATA=" + dir + "/pg", "PGCONF=" + dir + "/pgconf", "BACKUPS=" + dir + "/backups", "KEYS=" + dir + "/keys", "DATA_DIR=" + dir + "/data",
		"SECRETS=" + dir + "/secrets", "PROGRAM=" + r.program, "DIR=" + dir,
	}
	// PostgreSQL reads conf.d only if it is told to, as Debian's does.
	r.sh(`mkdir -m 700 fake backups keys data secrets pgconf pgconf/conf.d
		initdb --username=postgres --auth=trust --no-sync --no-instructions >/dev/null
		echo "include_dir = '$PGCONF/conf.d'" >>"$PGDATA/postgresql.conf"
		printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$DIR'" "fsync = off" >"$PGCONF/conf.d/here.conf"
		cat >fake/systemctl <<'END'
#!/bin/sh
case "$*" in
*dossiersync@*) echo "$*" >>"$DIR/systemctl.log" ;;
"start postgresql" | "stop postgresql" | "restart postgresql") pg_ctl -s -w -m fast -l "$DIR/pg.log" "$1" ;;
*) echo "unknown: systemctl $*" >&2; exit 1 ;;
esac
END
		cat >fake/dossiersync-admin <<'END'
#!/bin/sh
exec "$PROGRAM" --config "$DIR/dossiersync.yaml" --by anna "$@"
END
		chmod +x fake/*
		for name in owner worker reader ops; do echo $name >secrets/${name}_password; done
		systemctl start postgresql`)
	t.Cleanup(func() { r.try("systemctl stop postgresql") })
	roles, err := filepath.Abs("compose/roles.sh")
	if err != nil {
		t.Fatal(err)
	}
	r.write("roles.sh", string(read(t, roles)))
	r.sh("sh roles.sh; \"$PROGRAM\" token key >key.pem; \"$PROGRAM\" token jwks --key key.pem >jwks.json")
	r.write("dossiersync.yaml", fmt.Sprintf(`
database: "postgres://dossiersync:owner@/dossiersync?host=%[1]s"
data_dir: data
worker: {database: "postgres://dossiersync_sync:worker@/dossiersync?host=%[1]s"}
portal_api:
  listen: %[2]s
  database: "postgres://dossiersync_portal:reader@/dossiersync?host=%[1]s"
  auth: {issuer: "https://login.example", audience: dossiersync, jwks_file: jwks.json}
tenants:
  - id: amaris
    name: Amaris
    source: {fhir: {base_url: "%[3]s/fhir", lag: 0s, requests_per_second: 1000}}
`, dir, r.portal, source.URL))
	r.sh("dossiersync-admin migrate; dossiersync-admin sync")
	return r
}

// postgresqlPrograms returns the folder of PostgreSQL's programs.
func postgresqlPrograms(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("pg_basebackup"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil && isFile(filepath.Join(filepath.Dir(real), "initdb")) {
			return filepath.Dir(real)
		}
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 { // no bad pattern
			return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(len(a), len(b)) + cmp.Compare(a, b) })
		}
	}
	t.Fatal("PostgreSQL is not installed")
	return ""
}

// anotherAccount returns the account that PostgreSQL runs as where root starts it.
func anotherAccount(t *testing.T) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.Atoi(u.Uid)
			gid, err2 := strconv.Atoi(u.Gid)
			if err1 == nil && err2 == nil {
				return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			}
		}
	}
	t.Fatal("there is no account postgres or nobody")
	return nil
}

func (r *recovery) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil && r.as != nil {
		err = os.Chown(path, int(r.as.Uid), int(r.as.Gid))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *recovery) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = r.dir, r.env, &syscall.SysProcAttr{Credential: r.as}
	cmd.WaitDelay = 5 * time.Second // the server that pg_ctl starts holds the pipe
	return cmd
}

// try runs a script, and returns what it prints.
func (r *recovery) try(script string) (string, error) {
	var out bytes.Buffer
	cmd := r.command(context.WithoutCancel(r.t.Context()), "sh", "-euc", script)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// sh runs a script that must succeed, and returns what it prints.
func (r *recovery) sh(script string) string {
	r.t.Helper()
	out, err := r.try(script)
	if err != nil {
		r.t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	return out
}

// documented runs a block of commands of docs/backup.md, by the comment that it begins with.
func (r *recovery) documented(names ...string) {
	r.t.Helper()
	text := string(read(r.t, "../docs/backup.md"))
	script := ""
	for _, name := range append([]string{"settings"}, names...) {
		m := regexp.MustCompile("(?s)```sh\n# " + name + "\n(.*?)```").FindStringSubmatch(text)
		if m == nil {
			r.t.Fatalf("docs/backup.md does not say how to %s", name)
		}
		script += m[1]
	}
	r.sh(script)
}

// serve starts the portal API, and stops it when the test ends or with stop.
func (r *recovery) serve() {
	r.t.Helper()
	r.process = r.command(context.WithoutCancel(r.t.Context()), r.program, "--config", "dossiersync.yaml", "serve", "--only", "portal")
	if err := r.process.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.stop)
	wantReady(r.t, "portal", "http://"+r.portal+"/readyz")
}

func (r *recovery) stop() {
	if r.process != nil {
		_ = r.process.Process.Signal(syscall.SIGTERM)
		_ = r.process.Wait()
		r.process = nil
	}
}

// ask sends a request to the portal API with a token of its own, and returns status and body.
func (r *recovery) ask(method, path, user, scope, body string) (int, string) {
	r.t.Helper()
	token := r.sh(`"$PROGRAM" token sign --key key.pem --issuer https://login.example --audience dossiersync --tenant amaris --user ` + user + ` --scope ` + scope)
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.portal+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Dossier-Actor", "portal")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

// sendGrants sends all grants, as the portal does: every user may read these clients.
func (r *recovery) sendGrants(clients map[string][]string) {
	r.t.Helper()
	var list struct {
		AsOf  time.Time        `json:"asOf"`
		Items []map[string]any `json:"items"`
	}
	list.AsOf = time.Now()
	for user, ids := range clients {
		for _, id := range ids {
			list.Items = append(list.Items, map[string]any{"client": id, "user": user, "role": "contact", "parts": []string{"reports"}, "state": "accepted"})
		}
	}
	body, err := json.Marshal(list)
	if err != nil {
		r.t.Fatal(err)
	}
	if status, answer := r.ask(http.MethodPut, "/v1/grants", "portal", "dossier:grants", string(body)); status != http.StatusOK {
		r.t.Fatalf("the grants are answered with %d %s", status, answer)
	}
}

// sees returns the clients whose dossiers the user may open, or "503" while nothing is shown.
func (r *recovery) sees(user string) []string {
	r.t.Helper()
	status, body := r.ask(http.MethodGet, "/v1/dossiers", user, "dossier:read", "")
	if status != http.StatusOK {
		return []string{strconv.Itoa(status)}
	}
	var list struct{ Items []struct{ Client string } }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		r.t.Fatal(err)
	}
	ids := []string{}
	for _, d := range list.Items {
		ids = append(ids, d.Client)
	}
	slices.Sort(ids)
	return ids
}

func (r *recovery) want(when, user string, want ...string) {
	r.t.Helper()
	if got := r.sees(user); !slices.Equal(got, want) {
		r.t.Errorf("%s %s sees %v, want %v", when, user, got, want)
	}
}

func (r *recovery) clients() []string {
	r.t.Helper()
	return strings.Fields(r.sh(`psql -XAtd dossiersync -c "SELECT id FROM clients WHERE state = 'shown' ORDER BY id COLLATE \"C\""`))
}

// rehearse lets a day pass between a backup and a disaster, restores, and checks that nothing is
// shown that must not be, and that all else is shown again.
func rehearse(t *testing.T, backup, disaster func(r *recovery)) {
	t.Helper()
	r := newRecovery(t)
	ids := r.clients()
	if len(ids) < 5 {
		t.Fatalf("there are %d clients", len(ids))
	}
	r.serve()
	r.sendGrants(map[string][]string{"daughter": ids[:4], "neighbour": ids[4:5]})
	r.want("at first", "daughter", ids[:4]...)
	r.want("at first", "neighbour", ids[4])
	backup(r)

	// Since the backup a dossier is erased, another withheld, and the neighbour's access ended.
	r.sh("dossiersync-admin erase --tenant amaris --client " + ids[0])
	r.sh("dossiersync-admin withhold --tenant amaris --client " + ids[1] + " --note 'a breach'")
	if status, body := r.ask(http.MethodDelete, "/v1/dossiers/"+ids[4]+"/grants/neighbour", "portal", "dossier:grants", ""); status >= 300 {
		t.Fatalf("the grant is not revoked: %d %s", status, body)
	}
	r.documented("back up the record")
	r.want("before the disaster", "daughter", ids[2:4]...)
	r.stop()
	disaster(r)

	r.documented("after a restore")
	r.serve()
	r.want("before the grants come", "daughter", "503")
	r.want("before the grants come", "neighbour", "503")
	r.sendGrants(map[string][]string{"daughter": ids[:4]}) // the portal knows what was revoked
	r.want("after the restore", "daughter", ids[2:4]...)
	r.want("after the restore", "neighbour")
	r.documented("catch up")
	r.want("after a sync", "daughter", ids[2:4]...)
	if got := r.clients(); slices.Contains(got, ids[0]) {
		t.Error("the erased dossier is back")
	}
	r.sh("dossiersync-admin verify --tenant amaris")
	if calls := string(read(t, filepath.Join(r.dir, "systemctl.log"))); !strings.HasPrefix(calls, "stop dossiersync@*\n") || !strings.Contains(calls, "\nstart dossiersync@worker") {
		t.Errorf("the service was told to %s", calls)
	}
}

// A machine with database and data folder is lost; the last dump and the record are restored.
func TestRestoreOfADump(t *testing.T) {
	t.Parallel()
	rehearse(t, func(r *recovery) { r.documented("dump") }, func(r *recovery) {
		r.sh(`psql -Xqc 'DROP DATABASE dossiersync WITH (FORCE)'; rm -rf data; mkdir -m 700 data`)
		r.documented("restore the record")
		r.documented("restore the dump")
	})
}

// Somebody deletes what was not to be deleted; the moment before is restored.
func TestRestoreOfAMoment(t *testing.T) {
	t.Parallel()
	if os.Getenv("DOSSIERSYNC_FULL") == "" {
		t.Skip("DOSSIERSYNC_FULL is not set: make check-full does this")
	}
	rehearse(t, func(r *recovery) { r.documented("archive", "base backup") }, func(r *recovery) {
		count := "psql -XAtd dossiersync -c \"SELECT count(*) FROM items WHERE state = 'shown'\""
		items := r.sh(count)
		moment := r.sh(`psql -XAtc 'SELECT clock_timestamp()'`)
		r.sh(`psql -Xqd dossiersync -c 'DELETE FROM items; DELETE FROM grants; SELECT pg_switch_wal()' >/dev/null`)
		r.env = append(r.env, "MOMENT="+moment)
		r.documented("restore a moment")
		if got := r.sh(count); got != items {
			r.t.Errorf("%s items are shown again, want %s", got, items)
		}
	})
}
