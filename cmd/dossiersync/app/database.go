package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"dossiersync/config"
	"dossiersync/store"
	"dossiersync/store/embedded"
)

// Database is where the replica is, and how the two roles log in.
type Database struct {
	Owner  string // URL of the owner's log-in
	Reader string // URL of the portal API's log-in
	server *embedded.Server
	// quarantine says how the bytes of what cannot be applied are kept.
	quarantine config.Quarantine
}

// EmbeddedName is the database inside a private PostgreSQL.
const EmbeddedName = "dossiersync"

// OpenDatabase finds the configured database, or starts the private one and
// brings it up to date.
func OpenDatabase(ctx context.Context, cfg *config.Config) (*Database, error) {
	if cfg.Database.IsZero() {
		return openEmbedded(ctx, cfg)
	}
	owner, err := cfg.Database.Read()
	if err != nil {
		return nil, fmt.Errorf("read database: %w", err)
	}
	db := &Database{Owner: string(owner), quarantine: cfg.Quarantine}
	if cfg.PortalAPI.Database.IsZero() {
		db.Reader, err = derivedReader(db.Owner)
		return db, err
	}
	reader, err := cfg.PortalAPI.Database.Read()
	if err != nil {
		return nil, fmt.Errorf("read portal_api.database: %w", err)
	}
	db.Reader = string(reader)
	return db, nil
}

func openEmbedded(ctx context.Context, cfg *config.Config) (db *Database, err error) {
	server, err := embedded.Start(ctx, filepath.Join(cfg.DataDir, "postgres"), embedded.Options{})
	if err != nil {
		return nil, err
	}
	db = &Database{server: server, Owner: server.URL(EmbeddedName), quarantine: cfg.Quarantine}
	defer func() {
		if err != nil {
			err = errors.Join(err, server.Close())
		}
	}()
	if err := store.EnsureDatabase(ctx, server.URL("postgres"), EmbeddedName); err != nil {
		return nil, err
	}
	if db.Reader, err = derivedReader(db.Owner); err != nil {
		return nil, err
	}
	if _, err := store.Migrate(ctx, db.Owner); err != nil {
		return nil, err
	}
	return db, store.EnsureReader(ctx, db.Owner, db.Reader)
}

// Close leaves the private server, if there is one.
func (d *Database) Close() error {
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}

// Open connects as the owner, and sees to it that the schema is this program's.
func (d *Database) Open(ctx context.Context) (*store.Store, error) {
	m, err := store.MigrationStatus(ctx, d.Owner)
	if err != nil {
		return nil, err
	}
	if m.Pending() {
		return nil, Usagef("the database's schema is at version %d, and this program needs %d: run dossiersync migrate", m.Current, m.Latest)
	}
	sealer, err := newSealer(d.quarantine)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, d.Owner)
	if err != nil {
		return nil, err
	}
	return st.WithSealer(sealer), nil
}

// newSealer returns what encrypts the bytes of quarantined items; nil where no key
// is configured, and none are kept.
func newSealer(q config.Quarantine) (*store.Sealer, error) {
	key, err := q.ReadKey()
	if err != nil {
		return nil, UsageError{err}
	}
	if key == nil {
		return nil, nil
	}
	return store.NewSealer(key)
}

// derivedReader returns the URL by which the portal API logs in when none is
// configured: a role of its own in the same database, whose password follows from
// the owner's, so that every process can work it out and nobody need keep it.
func derivedReader(owner string) (string, error) {
	u, err := url.Parse(owner)
	if err != nil || u.Scheme == "" {
		return "", Usagef("the database must be given as a URL (postgres://user:password@host/database)")
	}
	password, ok := u.User.Password()
	if !ok {
		return "", Usagef("the portal API's own log-in cannot be derived from a database URL without a password: set portal_api.database")
	}
	name := strings.TrimPrefix(u.Path, "/")
	mac := hmac.New(sha256.New, []byte(password))
	fmt.Fprintf(mac, "dossiersync portal api\x00%s", name)
	u.User = url.UserPassword(name+"_portal", base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	return u.String(), nil
}
