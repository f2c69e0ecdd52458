package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// askContent is [Portal.ask] for a function that returns content. If a standby is in use, the primary
// is asked for the standing only, and a standby for the content. The standby's content is the
// primary's if both have the same [contentState]; otherwise the primary is asked for the content too.
// Either way the answer is true as of one snapshot of the primary.
func (p *Portal) askContent(
	ctx context.Context, s *Standing, function, columns string, args []any, dest ...any,
) error {
	from := p.standbys.pick()
	if from == nil {
		p.standbys.fromPrimary.Add(1)
		return p.ask(ctx, s, function, columns, args, dest...)
	}
	var row standingRow
	var ours contentState
	const proofArgs = 5 // those of portal_standing: see [Portal.callArgs]
	err := askRow(ctx, p.pool, standingFunction, ``, args[:proofArgs], &row, &ours)
	if err != nil {
		return classify(err)
	}
	if row.client == nil || row.awaiting != nil {
		return row.into(s) // there is nothing to read
	}
	if p.readFrom(ctx, from, &row, &ours, function, columns, args, dest) {
		p.standbys.fromStandby.Add(1)
		return row.into(s)
	}
	p.standbys.fromPrimary.Add(1)
	return p.ask(ctx, s, function, columns, args, dest...)
}

// readFrom reads content from a standby into dest, and reports whether it is the primary's, whose
// standing is row and ours. A standby that fails is left out for a while.
func (p *Portal) readFrom(
	ctx context.Context, from *standby, row *standingRow, ours *contentState,
	function, columns string, args, dest []any,
) bool {
	limited, cancel := context.WithTimeoutCause(ctx, standbyTimeout, errStandbySlow)
	defer cancel()
	var theirRow standingRow
	var theirs contentState
	switch err := askRow(limited, from.pool, function, columns, args, &theirRow, &theirs, dest...); {
	case err != nil && ctx.Err() != nil: // the request has ended
	case err != nil:
		if limited.Err() != nil {
			err = context.Cause(limited)
		}
		p.standbys.failed.Add(1)
		p.standbys.rest(from, err)
	case theirRow.awaiting != nil || !theirs.sameAs(ours, &theirRow, row):
		p.standbys.behind.Add(1)
	default:
		return true
	}
	return false
}

// askRow is [Portal.ask] of one server, which adds the content's state.
func askRow(
	ctx context.Context, pool *pgxpool.Pool, function, columns string, args []any,
	row *standingRow, state *contentState, dest ...any,
) error {
	q := `SELECT ` + standingColumns + contentStateColumns + columns + ` FROM ` + function + ` f`
	return pool.QueryRow(ctx, q, args...).Scan(slices.Concat(row.targets(), state.targets(), dest)...)
}

// contentStateColumns are the fields of type standing that a [contentState] holds.
const contentStateColumns = `, (f.s).today, (f.s).timezone, (f.s).withholds, (f.s).readable`

// contentState is, with the dossier and the grant of a [standingRow], what the content of an answer
// depends on.
type contentState struct {
	today     *time.Time // decides whether a plan is current
	timezone  *string    // of the periods of a density
	withholds *bool
	readable  []string
}

func (c *contentState) targets() []any {
	return []any{&c.today, &c.timezone, &c.withholds, &c.readable}
}

// sameAs reports whether two servers would give the same content. Every transaction that changes the
// content of a dossier gives it a new change number, which is never used again. A larger number at a
// standby is not accepted either: a standby may show a transaction before the primary does, and the
// next answer would then be older.
func (c *contentState) sameAs(d *contentState, mine, other *standingRow) bool {
	return equal(mine.client, other.client) && equal(mine.change, other.change) &&
		equal(mine.version, other.version) && equal(mine.role, other.role) &&
		equal(mine.manager, other.manager) && equal(mine.deceased, other.deceased) &&
		slices.Equal(mine.parts, other.parts) &&
		c.today != nil && d.today != nil && c.today.Equal(*d.today) && equal(c.timezone, d.timezone) &&
		equal(c.withholds, d.withholds) &&
		(c.readable == nil) == (d.readable == nil) && slices.Equal(c.readable, d.readable)
}

func equal[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
