package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"dossiersync/store"
)

// A portal is the program's portal API with a few thousand dossiers, and the bare handler
// on the same database.
type portal struct {
	api, bare string   // host:port
	tokens    []string // of each dossier's user
	seconds   time.Duration
	database  string // its URL
	jwks      string // a file
}

const (
	benchIssuer   = "https://login.example"
	benchAudience = "bench"
)

// portal returns the portal, which is started at the first call.
func (s *setup) portal(ctx context.Context) (*portal, error) {
	if s.served != nil {
		return s.served, nil
	}
	url, err := s.stored(ctx, s.few)
	if err != nil {
		return nil, err
	}
	if err := execute(ctx, url, dossierSQL...); err != nil {
		return nil, err
	}
	p := &portal{seconds: 5 * time.Second, database: url, jwks: filepath.Join(s.dir, "jwks.json")}
	if s.times < full.times {
		p.seconds = time.Second
	}
	if p.tokens, err = tokens(p.jwks, s.grown/perDossier/dossierCount); err != nil {
		return nil, err
	}
	if p.api, err = s.startAPI(ctx, url, p.jwks); err != nil {
		return nil, err
	}
	if p.bare, err = s.startSelf(ctx, "bare", url); err != nil {
		return nil, err
	}
	s.served = p
	return p, nil
}

// dossierSQL makes dossiers from the items of a load: forty items in each, half of which
// fit on a page, and a user for each.
var dossierSQL = []string{
	fmt.Sprintf(`INSERT INTO clients (tenant, id, state, name)
		SELECT '%s', 'b' || n, 'shown', 'Client ' || n FROM generate_series(0, %d) n`, tenantID, dossierCount-1),
	fmt.Sprintf(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
		SELECT '%s', 'b' || n, 'user' || n, 'contact', '{reports,forms,care-plans}', 'accepted', 'bench'
		FROM generate_series(0, %d) n`, tenantID, dossierCount-1),
	fmt.Sprintf(`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version,
			hash, at, category, card, body)
		SELECT tenant, left(md5(key || n), 22), type, id || '-' || n, stream, kind, 'b' || n, state, part, epoch, version,
			hash, at, category, card, body
		FROM (SELECT * FROM items WHERE kind IN ('report', 'form') AND state = 'shown' ORDER BY key LIMIT %d) i,
			generate_series(0, %d) n`, perDossier, dossierCount-1),
	`VACUUM (ANALYZE)`, `CHECKPOINT`,
}

// tokens returns a token for each of the first users, and for as many with every stride-th number, and
// writes the JWKS with their key to a file.
func tokens(jwks string, stride int) ([]string, error) {
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := jwk.Import(raw)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(key.Set(jwk.KeyIDKey, "bench"), key.Set(jwk.AlgorithmKey, jwa.ES256())); err != nil {
		return nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		return nil, err
	}
	text, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(jwks, text, 0o600); err != nil {
		return nil, err
	}
	list := make([]string, 2*dossierCount)
	for i := range list {
		user := i
		if i >= dossierCount {
			user = (i - dossierCount) * stride
		}
		t, err := jwt.NewBuilder().Issuer(benchIssuer).Audience([]string{benchAudience}).Subject(fmt.Sprint("user", user)).
			IssuedAt(time.Now()).Expiration(time.Now().Add(6*time.Hour)).
			Claim("tenant", tenantID).Claim("scope", "dossier:read").Build()
		if err != nil {
			return nil, err
		}
		signed, err := jwt.Sign(t, jwt.WithKey(jwa.ES256(), key))
		if err != nil {
			return nil, err
		}
		list[i] = string(signed)
	}
	return list, nil
}

// startAPI starts the program's portal API, and returns its address.
func (s *setup) startAPI(ctx context.Context, url, jwks string) (string, error) {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return "", err
	}
	reader, err := neturl.Parse(url)
	if err != nil {
		return "", err
	}
	reader.User = neturl.UserPassword("bench_reader", rand.Text())
	if err := store.EnsureReader(ctx, url, reader.String()); err != nil {
		return "", err
	}
	keys := filepath.Join(s.dir, "portal.key")
	if err := putProofKeys(ctx, url, keys); err != nil {
		return "", err
	}
	conf := filepath.Join(s.dir, "portal.yaml")
	text := fmt.Sprintf(`database: %s
portal_api:
  listen: %s
  database: %s
  proof_key_file: %s
  auth: {issuer: "%s", audience: %s, jwks_file: %s}
tenants:
  - id: %s
    name: Bench
    source: {fhir: {base_url: "https://ecd.example/fhir"}}
`, strconv.Quote(url), address, strconv.Quote(reader.String()), strconv.Quote(keys), benchIssuer, benchAudience, strconv.Quote(jwks), tenantID)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "dossiersync"), "serve", "--only", "portal", "--config", conf)
	log, err := os.Create(filepath.Join(s.dir, "portal.log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return "", err
	}
	s.stops = append(s.stops, func() error {
		return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
	})
	for range 300 {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return address, c.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	return "", fmt.Errorf("the portal API does not listen after 30 s: %s", said)
}

// putProofKeys makes a key file, and the database accept its proofs.
func putProofKeys(ctx context.Context, url, path string) error {
	keys, err := store.EnsureProofKeys(path)
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	defer st.Close()
	return st.PutProofKeys(ctx, keys, false, tenantID)
}

// bareCmd serves the cards of a dossier's first page without any checks.
type bareCmd struct {
	Database string `arg:""`
}

// firstPageSQL reads the cards of a first page, without rights.
const firstPageSQL = `
	WITH page AS MATERIALIZED (
		(SELECT key, at, card FROM items WHERE tenant = $1 AND client = $2 AND kind = 'report' AND state = 'shown'
			ORDER BY at DESC, key DESC LIMIT 21)
		UNION ALL
		(SELECT key, at, card FROM items WHERE tenant = $1 AND client = $2 AND kind = 'form' AND state = 'shown'
			ORDER BY at DESC, key DESC LIMIT 21)
		ORDER BY at DESC, key DESC LIMIT 21)
	SELECT card FROM page ORDER BY at DESC, key DESC LIMIT 20`

// Run implements the command.
func (c *bareCmd) Run(ctx context.Context, s streams) error {
	cfg, err := pgxpool.ParseConfig(c.Database)
	if err != nil {
		return err
	}
	cfg.MaxConns = 16 // as many as the program has
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return serve(ctx, s, listener, "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := pool.Query(r.Context(), firstPageSQL, tenantID, strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		w.Header().Set("Content-Type", "application/json")
		sep := `{"items":[`
		for rows.Next() {
			_, _ = io.WriteString(w, sep)
			_, _ = w.Write(rows.RawValues()[0]) //nolint:gosec // G705: cards that this program has made itself, as JSON
			sep = ","
		}
		_, _ = io.WriteString(w, "]}")
	}))
}
