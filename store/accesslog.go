package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	source  string
	pending chan pendingEvent

	// OnCommit, unless nil, is called after each commit with its duration and its error. It must be
	// set before Run.
	OnCommit func(took time.Duration, err error)
}

type pendingEvent struct {
	event AccessEvent
	done  chan error
}

// NewAccessLog returns the log, to be written as the role that p reads as; source names the part of
// the system that logs. Nothing is written before Run.
func NewAccessLog(p *Portal, source string) *AccessLog {
	config := p.pool.Config()
	config.MaxConns, config.MinConns = 1, 0
	return &AccessLog{config: config, source: source, pending: make(chan pendingEvent)}
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

func (l *AccessLog) commit(ctx context.Context, db execer, batch []pendingEvent) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), logWait, ErrLogUnavailable)
	defer cancel()
	events := make([]AccessEvent, len(batch))
	for i := range batch {
		events[i] = batch[i].event
	}
	began := time.Now()
	err := l.insert(ctx, db, events...)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrLogUnavailable, classify(err))
	}
	if l.OnCommit != nil {
		l.OnCommit(time.Since(began), err)
	}
	for _, p := range batch {
		p.done <- err
	}
}

// insert writes events in one statement; PostgreSQL refuses COPY under row-level security. Text that
// PostgreSQL would refuse is made valid, so that one event cannot keep the others from being logged.
func (l *AccessLog) insert(ctx context.Context, db execer, events ...AccessEvent) error {
	const q = `
		INSERT INTO access_log (
			tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose,
			access_point, client, object, query, source)
		SELECT tenant, action, event, outcome, user_id, nullif(user_name, ''),
		       nullif(user_role, ''), nullif(on_behalf_of, ''), nullif(purpose, ''),
		       nullif(access_point, ''), nullif(client, ''), nullif(object, ''),
		       nullif(query, ''), @source
		FROM unnest(
			@tenant::text[], @action::text[], @event::text[], @outcome::text[],
			@user_id::text[], @user_name::text[], @user_role::text[], @on_behalf_of::text[],
			@purpose::text[], @access_point::text[], @client::text[], @object::text[],
			@query::text[]) e (
			tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose,
			access_point, client, object, query)`
	column := func(field func(e *AccessEvent) string) []string {
		list := make([]string, len(events))
		for i := range events {
			list[i] = strings.ReplaceAll(strings.ToValidUTF8(field(&events[i]), "\uFFFD"), "\x00", "\uFFFD")
		}
		return list
	}
	_, err := db.Exec(ctx, q, pgx.StrictNamedArgs{
		"source":       l.source,
		"tenant":       column(func(e *AccessEvent) string { return e.Tenant }),
		"action":       column(func(e *AccessEvent) string { return e.Action }),
		"event":        column(func(e *AccessEvent) string { return e.Event }),
		"outcome":      column(func(e *AccessEvent) string { return e.Outcome }),
		"user_id":      column(func(e *AccessEvent) string { return e.User }),
		"user_name":    column(func(e *AccessEvent) string { return e.UserName }),
		"user_role":    column(func(e *AccessEvent) string { return e.UserRole }),
		"on_behalf_of": column(func(e *AccessEvent) string { return e.OnBehalfOf }),
		"purpose":      column(func(e *AccessEvent) string { return e.Purpose }),
		"access_point": column(func(e *AccessEvent) string { return e.AccessPoint }),
		"client":       column(func(e *AccessEvent) string { return e.Client }),
		"object":       column(func(e *AccessEvent) string { return e.Object }),
		"query":        column(func(e *AccessEvent) string { return e.Query }),
	})
	return err
}

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// within logs events in the transaction of the acts that they are about: both happen or neither does.
func (l *AccessLog) within(ctx context.Context, tx pgx.Tx, events ...AccessEvent) error {
	ctx, cancel := context.WithTimeoutCause(ctx, logWait, ErrLogUnavailable)
	defer cancel()
	if err := l.insert(ctx, tx, events...); err != nil {
		return fmt.Errorf("%w: %w", ErrLogUnavailable, classify(err))
	}
	return nil
}

// logOperator logs an event before the operator is shown what it is about. Where it fails, nothing may
// be shown.
func (s *Store) logOperator(ctx context.Context, e AccessEvent) error {
	ctx, cancel := context.WithTimeoutCause(ctx, logWait, ErrLogUnavailable)
	defer cancel()
	log := AccessLog{source: "operator"}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error { return log.within(ctx, tx, e) })
	if err != nil && !errors.Is(err, ErrLogUnavailable) {
		err = fmt.Errorf("%w: %w", ErrLogUnavailable, classify(err))
	}
	return err
}

// withinEach logs e in the transaction of the acts that it is about: once for each row of the
// temporary table changed, with the row's action, client and user. It waits for a lock on the log for
// logWait.
func (l *AccessLog) withinEach(ctx context.Context, tx pgx.Tx, e AccessEvent) error {
	const q = `
		INSERT INTO access_log (
			tenant, action, event, outcome, user_id, on_behalf_of, access_point, client, object,
			source)
		SELECT @tenant, action, @event, @outcome, @user, nullif(@behalf, ''), nullif(@point, ''),
		       client, user_id, @source
		FROM changed`
	const wait = `SELECT set_config('lock_timeout', @wait, true)`
	_, err := tx.Exec(ctx, wait, pgx.StrictNamedArgs{"wait": logWait.String()})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, q, pgx.StrictNamedArgs{
		"tenant": e.Tenant, "event": e.Event, "outcome": e.Outcome, "user": e.User,
		"behalf": e.OnBehalfOf, "point": e.AccessPoint, "source": l.source})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLogUnavailable, classify(err))
	}
	return nil
}
