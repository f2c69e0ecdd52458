package deploy_test

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/embedded"
)

type composition struct {
	Services map[string]struct {
		Image   string
		Command []string
		User    string
		Secrets []yaml.Node
		Volumes []string
		Ports   []string
	}
	Secrets map[string]struct{ File string }
}

// secretsOf returns which secret a service finds under which name.
func secretsOf(t *testing.T, nodes []yaml.Node) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, n := range nodes {
		var mapped struct{ Source, Target string }
		if n.Kind == yaml.ScalarNode {
			mapped.Source, mapped.Target = n.Value, n.Value
		} else if err := n.Decode(&mapped); err != nil {
			t.Fatal(err)
		}
		all[mapped.Target] = mapped.Source
	}
	return all
}

// No service has a secret that it need not know, and each finds those that the
// configuration names.
func TestEveryServiceKnowsItsOwnSecretsOnly(t *testing.T) {
	t.Parallel()
	var c composition
	if err := yaml.Unmarshal(read(t, "compose.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile(`/run/secrets/([a-z_]+)`).FindAllStringSubmatch(string(read(t, "compose/dossiersync.yaml")), -1) {
		named = append(named, m[1])
	}
	may := map[string][]string{
		"migrate": {"owner_url", "portal_key"}, "worker": {"worker_url"}, "ops": {"ops_url", "ops_token"},
		"portal":   {"reader_url", "portal_key"},
		"postgres": {"postgres_password", "owner_password", "worker_password", "reader_password", "ops_password"}, "prometheus": {}, "grafana": {"grafana_password"},
	}
	for name, s := range c.Services {
		has := secretsOf(t, s.Secrets)
		for target, source := range has {
			if _, ok := c.Secrets[source]; !ok {
				t.Errorf("%s: there is no secret %s", name, source)
			}
			if !slices.Contains(append(may[name], "none", "metrics_token", "jwks"), source) {
				t.Errorf("%s knows %s, as %s", name, source, target)
			}
		}
		if len(s.Command) > 0 && (s.Command[0] == "serve" || s.Command[0] == "migrate") {
			for _, n := range named {
				if has[n] == "" {
					t.Errorf("%s: its configuration names the secret %s, which it does not have", name, n)
				}
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s is open to other machines: %s", name, p)
			}
		}
		for _, v := range s.Volumes {
			if file, _, _ := strings.Cut(v, ":"); strings.HasPrefix(file, "./") && !isFile(file) && !isFile(filepath.Join(file, "datasources/prometheus.yml")) {
				t.Errorf("%s: there is no %s", name, file)
			}
		}
	}
}

func TestComposeFileIsValid(t *testing.T) {
	t.Parallel()
	out := command(t, nil, tool(t, "compose-config"), "compose.yaml")
	for _, service := range []string{"postgres", "migrate", "worker", "portal", "ops", "simulator", "prometheus", "grafana"} {
		if !strings.Contains(out, "\n    "+service+":\n") {
			t.Errorf("there is no service %s", service)
		}
	}
}

// What compose makes of an empty folder works: the secrets, the roles with no more
// rights than they need, the configuration.
func TestComposedDatabaseHasRolesWithLeastRights(t *testing.T) {
	t.Parallel()
	tool(t, "promtool") // takes a build, and a server of its own
	program := build(t, "..", nil)
	secrets := t.TempDir()
	env := []string{"SECRETS=" + secrets, "DOSSIERSYNC=" + filepath.Join(program, "dossiersync")}
	makeSecrets := "./make-secrets"
	command(t, env, makeSecrets)
	before := read(t, filepath.Join(secrets, "owner_url"))
	// As it was made once.
	if err := os.WriteFile(filepath.Join(secrets, "none"), []byte("none\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, env, makeSecrets)
	if string(before) != string(read(t, filepath.Join(secrets, "owner_url"))) {
		t.Error("made again, the secrets are others")
	}

	super := databaseServer(t)
	makeRoles(t, super, env)

	// As the secret says, at this server.
	at := func(name string) string {
		u, err := url.Parse(strings.TrimSpace(string(read(t, filepath.Join(secrets, name)))))
		if err != nil {
			t.Fatal(err)
		}
		u.Host, u.RawQuery = super.Host, super.RawQuery
		return u.String()
	}
	if m, err := store.Migrate(t.Context(), at("owner_url")); err != nil || m.Pending() {
		t.Fatalf("as the owner it is migrated to %+v, %v", m, err)
	}
	keys, err := store.ReadProofKeys(filepath.Join(secrets, "portal_key"))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := store.OpenPortal(t.Context(), at("reader_url"), keys)
	if err != nil {
		t.Fatalf("the portal API cannot log in: %v", err)
	}
	defer reader.Close()
	owner, err := store.Open(t.Context(), at("owner_url"))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if err := owner.PutProofKeys(t.Context(), keys, false, "amaris"); err != nil {
		t.Fatal(err)
	}
	takesGrants(t, owner, reader)
	worker, err := store.Open(t.Context(), at("worker_url"))
	if err != nil {
		t.Fatalf("the worker cannot log in: %v", err)
	}
	defer worker.Close()
	if m, err := store.MigrationStatus(t.Context(), at("worker_url")); err != nil || m.Pending() {
		t.Errorf("the worker finds the schema %+v, %v", m, err)
	}
	if err := worker.CheckCopy(t.Context()); err != nil {
		t.Error(err)
	}
	if v, err := worker.Verify(t.Context(), "amaris", nil); err != nil {
		t.Error(err)
	} else if err := v.Close(); err != nil {
		t.Error(err)
	}
	if _, err := worker.MaintainLog(t.Context(), 5); err != nil {
		t.Error(err)
	}
	if m, err := store.MigrationStatus(t.Context(), at("ops_url")); err != nil || m.Pending() {
		t.Errorf("the operators' listener finds the schema %+v, %v", m, err)
	}
	console, err := store.Open(t.Context(), at("ops_url"))
	if err != nil {
		t.Fatalf("the operators' listener cannot log in: %v", err)
	}
	defer console.Close()
	if _, err := console.Why(t.Context(), "amaris", "1", "daughter", "beheer"); err != nil {
		t.Error(err)
	}
	if _, err := console.RiverPool().Exec(t.Context(), `SELECT body FROM items`); err == nil {
		t.Error("the operators' listener may read what dossiers say")
	}
	var rights string
	if err := owner.RiverPool().QueryRow(t.Context(), `
		SELECT string_agg(rolname || CASE WHEN rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication THEN ' may more' ELSE '' END, ', ' ORDER BY rolname)
		FROM pg_roles WHERE rolname LIKE 'dossiersync%'`).Scan(&rights); err != nil {
		t.Fatal(err)
	}
	if rights != "dossiersync, dossiersync_answers, dossiersync_console, dossiersync_ops, dossiersync_portal, dossiersync_reader, "+
		"dossiersync_sync may more, dossiersync_worker" { // it may bypass row-level security
		t.Errorf("the roles are: %s", rights)
	}

	// Every service finds nothing wrong with the configuration, by the secrets it has.
	var c composition
	if err := yaml.Unmarshal(read(t, "compose.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"migrate", "worker", "portal", "ops"} {
		has := secretsOf(t, c.Services[name].Secrets)
		text := regexp.MustCompile(`/run/secrets/([a-z_]+)`).ReplaceAllStringFunc(string(read(t, "compose/dossiersync.yaml")), func(path string) string {
			return filepath.Join(secrets, filepath.Base(c.Secrets[has[filepath.Base(path)]].File))
		})
		if _, err := app.ParseConfig("dossiersync.yaml", []byte(text), os.LookupEnv); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// databaseServer starts a PostgreSQL and returns its address with the log-in of a superuser.
func databaseServer(t *testing.T) *url.URL {
	t.Helper()
	server, err := embedded.Start(t.Context(), t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	super, err := url.Parse(server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := super.User.Password()
	// The name is to be free, as in PostgreSQL's image.
	for _, step := range [][2]string{
		{super.User.Username(), "CREATE ROLE postgres LOGIN SUPERUSER PASSWORD '" + password + "'"},
		{"postgres", "ALTER ROLE " + super.User.Username() + " RENAME TO somebody"},
	} {
		super.User = url.UserPassword(step[0], password)
		db, err := pgx.Connect(t.Context(), super.String())
		if err == nil {
			_, err = db.Exec(t.Context(), step[1])
			db.Close(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return super
}

// makeRoles makes the database and its roles, as an administrator is told to.
func makeRoles(t *testing.T, super *url.URL, env []string) {
	t.Helper()
	password, _ := super.User.Password()
	command(t, append(env, "PGHOST="+cmp.Or(super.Query().Get("host"), super.Hostname()), "PGPORT="+cmp.Or(super.Query().Get("port"), super.Port()),
		"PGUSER="+super.User.Username(), "PGPASSWORD="+password), "./compose/roles.sh")
}

// takesGrants has the portal API take a list of all grants, for which it needs more
// than to read.
func takesGrants(t *testing.T, owner *store.Store, reader *store.Portal) {
	t.Helper()
	if err := owner.PutTenant(t.Context(), "amaris", "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	grants := []store.Grant{{Client: "1", User: "daughter", Role: store.RoleContact, Parts: dossier.Parts(), State: store.GrantAccepted}}
	list := store.GrantList{End: func() store.ListEnd { return store.ListEnd{AsOf: time.Now()} }, Next: func() (*store.Grant, error) {
		if len(grants) == 0 {
			return nil, nil
		}
		g := grants[0]
		grants = grants[1:]
		return &g, nil
	}}
	put, err := reader.PutGrants(t.Context(), store.Identity{Tenant: "amaris", User: "portal"}, list, "portal",
		store.AccessEvent{Tenant: "amaris", Action: "change", Event: "grants", Outcome: "success", User: "portal"})
	if err != nil || put.Changed != 1 {
		t.Errorf("a list of all grants has changed %+v, %v", put, err)
	}
}
