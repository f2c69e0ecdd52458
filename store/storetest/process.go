package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/embedded"
)

// lockSpace is the first key of our advisory locks. The second key is the id of the process in the lock
// that each process holds while it lives, and 0 in the lock for making templates and sweeping.
const lockSpace = 0x646f7373

// A process is one test process's use of the server.
type process struct {
	willClose bool

	mu        sync.Mutex
	opened    bool
	err       error
	server    *embedded.Server
	conn      *pgx.Conn // holds the process's lock; guarded by mu
	id        int32
	templates map[string]bool // made or found by this process; guarded by mu
	databases atomic.Int64
}

// open starts or joins the server at the first call; later calls return the result of the first.
func (p *process) open() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opened {
		p.opened = true
		p.err = p.start()
	}
	return p.err
}

func (p *process) start() error {
	if !p.willClose {
		return errors.New("the package needs a func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }")
	}
	dir, err := folder()
	if err != nil {
		return err
	}
	// The server outlives the test that starts it.
	ctx := context.Background()
	p.server, err = embedded.Start(ctx, dir, embedded.Options{Fast: true, Settings: map[string]string{
		"max_connections": "200",
		"autovacuum":      "off",
		"jit":             "off",
		// Checkpoints would make copies of templates wait.
		"checkpoint_timeout": "1h",
		"max_wal_size":       "128MB",
		"min_wal_size":       "32MB",
		// Test data may be logged, and full errors are more useful.
		"log_error_verbosity":     "default",
		"log_min_error_statement": "error",
	}})
	if err != nil {
		return err
	}
	if p.conn, err = pgx.Connect(ctx, p.server.URL("postgres")); err != nil {
		return err
	}
	p.templates = make(map[string]bool)
	p.id = rand.Int32N(1<<31-2) + 1
	if _, err := p.conn.Exec(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, p.id); err != nil {
		return err
	}
	return p.alone(p.sweep)
}

func (p *process) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.conn != nil {
		err = p.conn.Close(context.Background())
	}
	if p.server != nil {
		err = errors.Join(err, p.server.Close())
	}
	return err
}

// create makes a database and returns its name.
func (p *process) create(ctx context.Context, fingerprint string, migrate Migration) (string, error) {
	template := "template1"
	if migrate != nil {
		var err error
		if template, err = p.template(ctx, fingerprint, migrate); err != nil {
			return "", fmt.Errorf("make template database: %w", err)
		}
	}
	name := fmt.Sprintf("test_%d_%d", p.id, p.databases.Add(1))
	// STRATEGY wal_log takes twice as long.
	err := execute(ctx, p.server.URL("postgres"),
		fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", name, template))
	if err != nil {
		return "", fmt.Errorf("create test database: %w", err)
	}
	return name, nil
}

// drop drops a database, and ends its connections.
func (p *process) drop(name string) error {
	// The server needs a moment to notice that the test has closed its connections, and DROP DATABASE
	// looks every 100 ms only.
	wait := fmt.Sprintf(`DO $$ BEGIN
		FOR i IN 1..25 LOOP
			EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '%s');
			PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
		END LOOP;
	END $$`, name)
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, errors.New("the database is still in use"))
	defer cancel()
	err := execute(ctx, p.server.URL("postgres"), wait, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	if err != nil {
		return fmt.Errorf("drop test database: %w", err)
	}
	return nil
}

// execute runs statements in the database at url, on a new connection.
func execute(ctx context.Context, url string, statements ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err = conn.Exec(ctx, s); err != nil {
			break
		}
	}
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}
