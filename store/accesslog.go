package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrLogUnavailable reports that an event could not be logged in time. The act that the event is
// about must not happen (I9).
var ErrLogUnavailable = errors.New("the access log cannot be written")

// logWait is how long an act waits for its event to be logged.
const logWait = time.Second

// SystemUser is the user in the log and in grants of acts that no person has asked for.
const SystemUser = "dossiersync"

// AccessEvent is one entry of the access log, in the terms of NEN 7513.
type AccessEvent struct {
	Tenant      string
	Action      string // read, search, add, change, delete, transfer, execute
	Event       string // what was done: timeline, report, grants, …
	Outcome     string // success, denied, failed
	User        string
	UserName    string // as the portal gave it
	UserRole    string
	OnBehalfOf  string // for whom a system acts
	Purpose     string
	AccessPoint string // the request's id
	Client      string
	Object      string // the item's key, where it is one
	Query       string // the filters; never free text
}

// AccessLog appends events. Events that arrive together share one commit.
type AccessLog struct {
	config  *pgxpool.Config
	keys    *ProofKeys
	now     func() time.Time // of the proofs
	pending chan pendingEvent

	// OnCommit, unless nil, is called after each commit with its duration and its error. It must be
	// set before Run.
	OnCommit func(took time.Duration, err error)
}

type pendingEvent struct {
	event AccessEvent
	done  chan error
}

// NewAccessLog returns the portal API's log, to be written as the role that p reads as. Nothing is
// written before Run.
func NewAccessLog(p *Portal) *AccessLog {
	config := p.pool.Config()
	config.MaxConns, config.MinConns = 1, 0
	return &AccessLog{config: config, keys: p.keys, now: p.now, pending: make(chan pendingEvent)}
}

// Append returns once the event is committed. After a second it fails with [ErrLogUnavailable], and
// the event may be in the log nevertheless.
func (l *AccessLog) Append(ctx context.Context, e AccessEvent) error {
	ctx, cancel := context.WithTimeoutCause(ctx, logWait, ErrLogUnavailable)
	defer cancel()
	p := pendingEvent{event: e, done: make(chan error, 1)}
	select {
	case l.pending <- p:
	case <-ctx.Done():
		return fmt.Errorf("append to the access log: %w", context.Cause(ctx))
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("append to the access log: %w", context.Cause(ctx))
	}
}

// Run writes appended events until ctx ends. It has a connection of its own, so that slow reads do not
// hold up the log.
func (l *AccessLog) Run(ctx context.Context) error {
	pool, err := pgxpool.NewWithConfig(ctx, l.config)
	if err != nil {
		return fmt.Errorf("open the access log: %w", err)
	}
	defer pool.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-l.pending:
			l.commit(ctx, pool, l.gather(first))
		}
	}
}

// gather returns the events that are waiting already, without waiting for more.
func (l *AccessLog) gather(first pendingEvent) []pendingEvent {
	batch := []pendingEvent{first}
	for len(batch) < 1000 {
		select {
		case p := <-l.pending:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

func (l *AccessLog) commit(ctx context.Context, pool *pgxpool.Pool, batch []pendingEvent) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), logWait, ErrLogUnavailable)
	defer cancel()
	events := make([]AccessEvent, len(batch))
	for i := range batch {
		events[i] = batch[i].event
	}
	began := time.Now()
	refused, err := l.add(ctx, pool, events)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrLogUnavailable, classify(err))
	}
	if l.OnCommit != nil {
		l.OnCommit(time.Since(began), err)
	}
	for i, p := range batch {
		if err == nil && slices.Contains(refused, int32(i+1)) {
			p.done <- fmt.Errorf("%w: %w", ErrLogUnavailable, ErrProof)
			continue
		}
		p.done <- err
	}
}

// add writes events by one call, each with a proof of its own, and returns the places, from 1 on, of
// those that the database has refused.
func (l *AccessLog) add(ctx context.Context, db *pgxpool.Pool, events []AccessEvent) (refused []int32, err error) {
	columns := eventColumns(events)
	minutes, proofs := make([]int64, len(events)), make([][]byte, len(events))
	tenants, users, clients := columns[0], columns[4], columns[10]
	now := l.now()
	for i := range events {
		p := l.keys.prove(purposeLog, Identity{Tenant: tenants[i], User: users[i]}, clients[i], now)
		minutes[i], proofs[i] = p.minute, p.mac
	}
	args := []any{minutes, proofs}
	for _, c := range columns {
		args = append(args, c)
	}
	err = db.QueryRow(ctx, `SELECT portal_log`+parameters(len(args)), args...).Scan(&refused)
	return refused, err
}

// eventColumns returns the columns of events: tenant, action, event, outcome, user, user's name, user's
// role, on behalf of, purpose, access point, client, object and query. Text that PostgreSQL would
// refuse is made valid, so that one event cannot keep the others from being logged.
func eventColumns(events []AccessEvent) [13][]string {
	var columns [13][]string
	for i := range events {
		e := &events[i]
		for n, text := range [13]string{
			e.Tenant, e.Action, e.Event, e.Outcome, e.User, e.UserName, e.UserRole, e.OnBehalfOf, e.Purpose,
			e.AccessPoint, e.Client, e.Object, e.Query,
		} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
			}
			columns[n] = append(columns[n], text)
		}
	}
	return columns
}

// logWithin logs events of source in the transaction of the acts that they are about: both happen or
// neither does.
func logWithin(ctx context.Context, tx pgx.Tx, source string, events ...AccessEvent) error {
	const q = `
		INSERT INTO access_log (
			tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose,
			access_point, client, object, query, source)
		SELECT tenant, action, event, outcome, user_id, nullif(user_name, ''),
		       nullif(user_role, ''), nullif(on_behalf_of, ''), nullif(purpose, ''),
		       nullif(access_point, ''), nullif(client, ''), nullif(object, ''),
		       nullif(query, ''), $14
		FROM unnest(
			$1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]) e (
			tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose,
			access_point, client, object, query)`
	ctx, cancel := context.WithTimeoutCause(ctx, logWait, ErrLogUnavailable)
	defer cancel()
	var args []any
	for _, c := range eventColumns(events) {
		args = append(args, c)
	}
	if _, err := tx.Exec(ctx, q, append(args, source)...); err != nil {
		return fmt.Errorf("%w: %w", ErrLogUnavailable, classify(err))
	}
	return nil
}

// logOperator logs an event before the operator is shown what it is about. Where it fails, nothing may
// be shown.
func (s *Store) logOperator(ctx context.Context, e AccessEvent) error {
	ctx, cancel := context.WithTimeoutCause(ctx, logWait, ErrLogUnavailable)
	defer cancel()
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error { return logWithin(ctx, tx, "operator", e) })
	if err != nil && !errors.Is(err, ErrLogUnavailable) {
		err = fmt.Errorf("%w: %w", ErrLogUnavailable, classify(err))
	}
	return err
}
