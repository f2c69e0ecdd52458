package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// standbyTimeout is how long a standby may take for a read before the primary is asked.
	standbyTimeout = time.Second
	// standbyRest is how long a standby is left out after a read from it has failed.
	standbyRest = 5 * time.Second
	// standbyLag is how far the replay of a standby may be behind. This saves calls only: a read that
	// finds another state than the primary's is refused, however short the lag.
	standbyLag = 5 * time.Second
	// standbyLook is how often each standby is looked at, and standbyLookTimeout how long that may take.
	standbyLook        = time.Second
	standbyLookTimeout = 3 * time.Second
)

var errStandbySlow = errors.New("it takes too long")

// standbys are the streaming standbys from which a Portal reads content, in turn. A standby is in use
// while it answers, replays the primary's timeline and does not lag.
type standbys struct {
	all      []*standby
	turn     atomic.Uint64
	onChange func(number int, why error)
	marks    []walMark // the primary's, the oldest first

	fromPrimary, fromStandby, failed, behind atomic.Int64
}

// standby is one server. Reads and looks run at the same time.
type standby struct {
	number int // in the order of AddStandby, from 0 on
	pool   *pgxpool.Pool

	mu      sync.Mutex
	decided bool // once at least
	used    bool
	rests   time.Time // until then it is left out
}

// walMark is a place in the primary's log at a time.
type walMark struct {
	at    time.Time
	place int64
}

// AddStandby adds a streaming standby of the database, given by its address with the log-in of the
// portal API. It connects to nothing: a standby is used from the first time that
// [Portal.WatchStandbys] finds it fit. It must not be called at the same time as other methods.
func (p *Portal) AddStandby(url string, opts ...Option) error {
	cfg, err := poolConfig(url, "dossiersync portal", nil, opts...)
	if err != nil {
		return err
	}
	switch mode := &cfg.ConnConfig.DefaultQueryExecMode; *mode {
	case pgx.QueryExecModeSimpleProtocol:
		return errSimpleProtocol
	case pgx.QueryExecModeCacheStatement:
		*mode = pgx.QueryExecModeCacheDescribe // because a pooler may stand in between
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return fmt.Errorf("connect to a standby: %w", plainly(err))
	}
	p.standbys.all = append(p.standbys.all, &standby{number: len(p.standbys.all), pool: pool})
	return nil
}

// OnStandby has f called whenever a standby is left out, with the reason, and with nil when it is used
// again. f must not block, and must be set before [Portal.WatchStandbys] begins.
func (p *Portal) OnStandby(f func(number int, why error)) { p.standbys.onChange = f }

// WatchStandbys looks at each standby every second, until ctx ends, and decides whether it is used.
func (p *Portal) WatchStandbys(ctx context.Context) error {
	if len(p.standbys.all) == 0 {
		return nil
	}
	ticker := time.NewTicker(standbyLook)
	defer ticker.Stop()
	for {
		p.standbys.look(ctx, p.pool)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// StandbyStats counts reads of content, and standbys.
type StandbyStats struct {
	FromPrimary, FromStandby int64 // reads of content, by where the answer came from
	// Of FromPrimary, those for which a standby was asked first: it failed or took too long, or was
	// not at the primary's state.
	Failed, Behind int64
	Used, LeftOut  int // standbys now
}

// StandbyStats returns the counts since the Portal was opened.
func (p *Portal) StandbyStats() StandbyStats {
	s := &p.standbys
	out := StandbyStats{
		FromPrimary: s.fromPrimary.Load(), FromStandby: s.fromStandby.Load(),
		Failed: s.failed.Load(), Behind: s.behind.Load(),
	}
	for _, one := range s.all {
		if one.isUsed() {
			out.Used++
		} else {
			out.LeftOut++
		}
	}
	return out
}

// pick returns the standby whose turn it is; nil: none is in use.
func (s *standbys) pick() *standby {
	if len(s.all) == 0 {
		return nil
	}
	turn := s.turn.Add(1)
	for i := range uint64(len(s.all)) {
		if one := s.all[(turn+i)%uint64(len(s.all))]; one.isUsed() {
			return one
		}
	}
	return nil
}

func (s *standbys) close() {
	for _, one := range s.all {
		one.pool.Close()
	}
}

// rest leaves a standby out for a while, because a read from it failed.
func (s *standbys) rest(one *standby, why error) {
	if pg, ok := errors.AsType[*pgconn.PgError](why); ok {
		why = refusal{pg}
	} else {
		why = plainly(why)
	}
	one.mu.Lock()
	one.rests = time.Now().Add(standbyRest)
	one.mu.Unlock()
	s.decide(one, why)
}

// decide takes a standby into use, unless why is an error or it rests.
func (s *standbys) decide(one *standby, why error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	used := why == nil && time.Now().After(one.rests)
	if one.decided && one.used == used || !used && why == nil {
		return
	}
	one.decided, one.used = true, used
	if !used {
		one.pool.Reset() // its connections may be dead
	}
	if s.onChange != nil {
		s.onChange(one.number, why)
	}
}

func (s *standby) isUsed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// look asks the primary and then each standby how far it is. While the primary does not answer, no
// standby is used: the answer may come from another server afterwards.
func (s *standbys) look(ctx context.Context, primary *pgxpool.Pool) {
	const q = `
		SELECT c.system_identifier, ('x' || left(pg_walfile_name(w), 8))::bit(32)::bigint,
		       (w - '0/0')::bigint
		FROM pg_control_system() c
		CROSS JOIN pg_current_wal_flush_lsn() w`
	// Without an answer the standbys are decided on all the same.
	limited, cancel := context.WithTimeoutCause(ctx, standbyLookTimeout, errStandbySlow)
	defer cancel()
	var now walState
	err := primary.QueryRow(limited, q).Scan(&now.system, &now.timeline, &now.place)
	if err != nil {
		err = fmt.Errorf("the primary does not say how far it is: %w", plainly(err))
	} else {
		now.place = s.mark(now.place)
	}
	var all sync.WaitGroup
	for _, one := range s.all {
		all.Go(func() {
			why := err
			if why == nil {
				why = one.check(ctx, now)
			}
			if ctx.Err() == nil {
				s.decide(one, why)
			}
		})
	}
	all.Wait()
}

// walState is how far a server is in which log.
type walState struct{ system, timeline, place int64 }

// mark notes the primary's place now, and returns the place that a standby must have reached: that of
// [standbyLag] ago, or 0 if it is not known yet.
func (s *standbys) mark(place int64) (due int64) {
	now := time.Now()
	s.marks = append(s.marks, walMark{now, place})
	for len(s.marks) > 1 && now.Sub(s.marks[1].at) >= standbyLag {
		s.marks = s.marks[1:]
	}
	if now.Sub(s.marks[0].at) < standbyLag {
		return 0
	}
	return s.marks[0].place
}

// check returns why the standby must not be used now. want is the primary's state, with the place that
// the standby must have reached. A standby of another cluster or timeline may use the same change
// numbers for other content. A timeline is known from the standby's control file, which may be late
// after the primary was promoted.
func (s *standby) check(ctx context.Context, want walState) error {
	const q = `
		SELECT pg_is_in_recovery(), c.system_identifier,
		       greatest(k.timeline_id, r.min_recovery_end_timeline)::bigint,
		       coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint
		FROM pg_control_system() c
		CROSS JOIN pg_control_checkpoint() k
		CROSS JOIN pg_control_recovery() r`
	ctx, cancel := context.WithTimeoutCause(ctx, standbyLookTimeout, errStandbySlow)
	defer cancel()
	var has walState
	var replays bool
	err := s.pool.QueryRow(ctx, q).Scan(&replays, &has.system, &has.timeline, &has.place)
	switch {
	case err != nil:
		return plainly(err)
	case !replays:
		return errors.New("it is no standby: was it promoted?")
	case has.system != want.system:
		return errors.New("it is a standby of another cluster than that of portal_api.database")
	case has.timeline != want.timeline:
		return fmt.Errorf("it is on timeline %d, and the primary on %d", has.timeline, want.timeline)
	case has.place < want.place:
		return fmt.Errorf("its replay is more than %s behind", standbyLag)
	}
	if s.isUsed() {
		return nil
	}
	return checkRole(ctx, s.pool)
}
