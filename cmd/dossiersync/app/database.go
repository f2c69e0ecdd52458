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

// Database is the replica's database, with the log-ins of its roles.
type Database struct {
	Owner      string           // URL with the owner's log-in
	Worker     string           // URL with the worker's log-in; the owner's if it has none
	Reader     string           // URL with the portal API's log-in
	server     *embedded.Server // the private PostgreSQL; nil: not used
	quarantine config.Quarantine
	keyFile    string // of the portal API's proofs
	tenants    []string
}

// EmbeddedName is the name of the database in the private PostgreSQL.
const EmbeddedName = "dossiersync"

// OpenDatabase returns the configured database. If none is configured, it starts the
// private PostgreSQL and migrates its database. The caller closes the Database.
func OpenDatabase(ctx context.Context, cfg *config.Config) (*Database, error) {
	if cfg.Database.IsZero() {
		return openEmbedded(ctx, cfg)
	}
	return configuredDatabase(cfg)
}

// configuredDatabase returns the database of the configuration, which has one.
func configuredDatabase(cfg *config.Config) (*Database, error) {
	owner, err := cfg.Database.Read()
	if err != nil {
		return nil, fmt.Errorf("read database: %w", err)
	}
	db := newDatabase(cfg, string(owner))
	if !cfg.Worker.Database.IsZero() {
		worker, err := cfg.Worker.Database.Read()
		if err != nil {
			return nil, fmt.Errorf("read worker.database: %w", err)
		}
		db.Worker = string(worker)
	}
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

// CheckDatabase returns what [OpenDatabase] would find wrong with the configuration. It connects to
// nothing.
func CheckDatabase(cfg *config.Config) error {
	if cfg.Database.IsZero() {
		return nil
	}
	db, err := configuredDatabase(cfg)
	if err != nil {
		return err
	}
	addresses := map[string]string{
		"database": db.Owner, "worker.database": db.Worker, "portal_api.database": db.Reader,
	}
	standbys, err := readStandbys(cfg)
	if err != nil {
		return err
	}
	for i, address := range standbys {
		addresses[fmt.Sprintf("portal_api.replicas[%d]", i)] = address
	}
	for key, address := range addresses {
		if store.CheckAddress(address) != nil {
			return Usagef("%s is not an address of a PostgreSQL database that can be read", key)
		}
	}
	return nil
}

// readStandbys returns the addresses of the standbys that the portal API reads from.
func readStandbys(cfg *config.Config) ([]string, error) {
	var list []string
	for i, c := range cfg.PortalAPI.Replicas {
		address, err := c.Read()
		if err != nil {
			return nil, fmt.Errorf("read portal_api.replicas[%d]: %w", i, err)
		}
		list = append(list, string(address))
	}
	return list, nil
}

func openEmbedded(ctx context.Context, cfg *config.Config) (db *Database, err error) {
	server, err := embedded.Start(ctx, filepath.Join(cfg.DataDir, "postgres"), embedded.Options{})
	if err != nil {
		return nil, err
	}
	db = newDatabase(cfg, server.URL(EmbeddedName))
	db.server = server
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
	if err := store.EnsureReader(ctx, db.Owner, db.Reader); err != nil {
		return nil, err
	}
	return db, db.PutProofKeys(ctx, false)
}

func newDatabase(cfg *config.Config, owner string) *Database {
	db := &Database{Owner: owner, Worker: owner, quarantine: cfg.Quarantine, keyFile: cfg.PortalAPI.ProofKeyFile}
	for i := range cfg.Tenants {
		db.tenants = append(db.tenants, cfg.Tenants[i].ID)
	}
	return db
}

// PutProofKeys makes the database accept the proofs of the portal API for every configured tenant. It
// makes the key file if there is none. The database then accepts the keys of this file and no others;
// but with unlessKnown it leaves a tenant alone that has keys already, for which the worker's log-in is
// enough.
func (d *Database) PutProofKeys(ctx context.Context, unlessKnown bool) error {
	keys, err := store.EnsureProofKeys(d.keyFile)
	if err != nil {
		return fmt.Errorf("read portal_api.proof_key_file: %w", err)
	}
	address := d.Owner
	if unlessKnown {
		address = d.Worker
	}
	st, err := store.Open(ctx, address)
	if err != nil {
		return err
	}
	defer st.Close()
	return st.PutProofKeys(ctx, keys, unlessKnown, d.tenants...)
}

// PrepareToSync fails if the log-in of st cannot write what is read from a source. It makes the
// database accept proofs for tenants that it has no key of, if this process may read the key file: for
// tenants that were configured since dossiersync migrate.
func PrepareToSync(ctx context.Context, cfg *config.Config, st *store.Store) error {
	if err := st.CheckCopy(ctx); err != nil {
		return err
	}
	keys, err := store.ReadProofKeys(cfg.PortalAPI.ProofKeyFile)
	if err != nil {
		return nil //nolint:nilerr // the process need not have the file; migrate does the same
	}
	var tenants []string
	for i := range cfg.Tenants {
		tenants = append(tenants, cfg.Tenants[i].ID)
	}
	return st.PutProofKeys(ctx, keys, true, tenants...)
}

// Close leaves the private PostgreSQL, if it is used.
func (d *Database) Close() error {
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}

// Open connects as the worker. A schema that has to be migrated first is a [UsageError].
func (d *Database) Open(ctx context.Context) (*store.Store, error) {
	return d.open(ctx, d.Worker)
}

// OpenOwner is Open with the owner's log-in.
func (d *Database) OpenOwner(ctx context.Context) (*store.Store, error) {
	return d.open(ctx, d.Owner)
}

// OpenOps is Open with the operators' log-in.
func (d *Database) OpenOps(ctx context.Context, c config.Credential) (*store.Store, error) {
	address, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("read ops.database: %w", err)
	}
	return d.open(ctx, string(address))
}

func (d *Database) open(ctx context.Context, address string) (*store.Store, error) {
	m, err := store.MigrationStatus(ctx, address)
	if err != nil {
		return nil, err
	}
	if m.Pending() {
		return nil, Usagef("the database's schema is at version %d, and this program needs %d: run dossiersync migrate",
			m.Current, m.Latest)
	}
	sealer, err := newSealer(d.quarantine)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	return st.WithSealer(sealer), nil
}

// newSealer returns what encrypts the bytes of quarantined items, or nil if no key is
// configured.
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

// derivedReader returns the portal API's log-in if none is configured: a role of its
// own in the same database. Its password is derived from the owner's, so that every
// process can compute it and it need not be kept anywhere.
func derivedReader(owner string) (string, error) {
	u, err := url.Parse(owner)
	if err != nil || u.Scheme == "" {
		return "", Usagef("the database must be given as a URL (postgres://user:password@host/database)")
	}
	password, ok := u.User.Password()
	if !ok {
		return "", Usagef("the log-in of the portal API cannot be derived from a database URL without a password: " +
			"set portal_api.database")
	}
	name := strings.TrimPrefix(u.Path, "/")
	mac := hmac.New(sha256.New, []byte(password))
	fmt.Fprintf(mac, "dossiersync portal api\x00%s", name)
	u.User = url.UserPassword(name+"_portal", base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	return u.String(), nil
}
