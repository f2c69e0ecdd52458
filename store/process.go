package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// ProcessKind is a part of the service that a process runs.
type ProcessKind string

// The kinds of processes.
const (
	ProcessWorker ProcessKind = "worker"
	ProcessPortal ProcessKind = "portal"
	ProcessOps    ProcessKind = "ops"
)

const (
	// HeartbeatEvery is how often a process says that it is alive.
	HeartbeatEvery = 5 * time.Second
	// aliveFor is for how long a process counts as alive after it last said so.
	aliveFor = 20 * time.Second
	// processKeep is for how long a process that has ended is remembered.
	processKeep = time.Hour
)

// Process is a process of the service. Times are the database's.
type Process struct {
	ID      string            `json:"id"` // drawn at its start
	Kinds   []ProcessKind     `json:"kinds"`
	Host    string            `json:"host"`
	PID     int               `json:"pid"`
	Version string            `json:"version"`
	Tenants map[string]string `json:"-"` // by tenant: a digest of its configuration, without secrets
	Started time.Time         `json:"started"`
	Seen    time.Time         `json:"seen"`
}

// Describe sets the host and the id of the operating system's process.
func (p *Process) Describe() {
	p.PID = os.Getpid()
	if host, err := os.Hostname(); err == nil {
		p.Host = host
	}
}

func (p *Process) args() pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{
		"id": p.ID, "host": p.Host, "pid": p.PID, "version": p.Version, "tenants": p.Tenants}
}

// NoteProcess stores that the process is alive now, and forgets processes that ended long ago.
func (s *Store) NoteProcess(ctx context.Context, p Process) error {
	const q = `
		WITH old AS (
			DELETE FROM processes
			WHERE seen < now() - @keep::interval)
		INSERT INTO processes (id, kinds, host, pid, version, tenants)
		VALUES (@id, @kinds, @host, @pid, @version, @tenants)
		ON CONFLICT (id) DO UPDATE SET
			seen = now(),
			tenants = excluded.tenants`
	args := p.args()
	args["kinds"], args["keep"] = p.Kinds, processKeep
	if _, err := s.pool.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("store that this process is alive: %w", err)
	}
	return nil
}

// ForgetProcess stores that the process has ended.
func (s *Store) ForgetProcess(ctx context.Context, id string) error {
	const q = `
		DELETE FROM processes
		WHERE id = @id`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"id": id}); err != nil {
		return fmt.Errorf("store that this process has ended: %w", err)
	}
	return nil
}

// NoteProcess stores that a process that serves only the portal API is alive now. It proves itself
// with the key of the first of its tenants that lets it.
func (p *Portal) NoteProcess(ctx context.Context, me Process) error {
	const q = `
		SELECT portal_alive(@tenant, @minute, @proof, @id, @host, @pid, @version, @tenants)`
	err := errors.New("the process has no tenants")
	for _, tenant := range slices.Sorted(maps.Keys(me.Tenants)) {
		proof := p.keys.prove("alive", Identity{Tenant: tenant}, "", p.now())
		args := me.args()
		args["tenant"], args["minute"], args["proof"] = tenant, proof.minute, proof.mac
		if _, err = p.pool.Exec(ctx, q, args); !isRefused(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("store that this process is alive: %w", err)
	}
	return nil
}

// Processes returns the processes that are alive, the oldest first.
func (s *Store) Processes(ctx context.Context) ([]Process, error) {
	const q = `
		SELECT id, kinds, host, pid, version, tenants, started, seen
		FROM processes
		WHERE seen > now() - @alive::interval
		ORDER BY started, id`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Process], q, pgx.StrictNamedArgs{"alive": aliveFor})
	if err != nil {
		return nil, fmt.Errorf("read the processes: %w", err)
	}
	return list, nil
}
