package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Access is a day's events of one kind, by one user, on one dossier, folded into one.
type Access struct {
	Day        time.Time // a date in the tenant's zone
	First      time.Time
	Last       time.Time
	Count      int64
	Action     string
	Event      string
	Outcome    string
	User       string
	UserName   *string // as of the last event
	UserRole   *string // as of the last event
	OnBehalfOf *string
	Key        string // orders accesses with the same Last
}

// AccessQuery selects a page of the access log, the newest first.
type AccessQuery struct {
	From, To time.Time // a half-open interval [From, To); zero: unbounded
	// Start is the Last and the Key of the access after which the page begins; StartDay is the end of
	// its day.
	Start    Position
	StartDay time.Time
	Limit    int
}

// accesses reads a page of the access log. It folds only the days of the page, which days finds one
// by one along index access_log_by_client, so that a page of a long log costs no more than one of a
// short log.
const accesses = `
	WITH RECURSIVE zone AS MATERIALIZED (
		SELECT timezone
		FROM tenants
		WHERE id = @tenant),
	-- The days on which there are events, the newest first; the last row is NULL. LIMIT in begins
	-- ends the recursion, since PostgreSQL computes no more rows than are asked for.
	days (day) AS (
		(SELECT (a.time AT TIME ZONE z.timezone)::date
		FROM access_log a
		CROSS JOIN zone z
		WHERE a.tenant = @tenant
		  AND a.client = @client
		  AND ` + mayManage + `
		  AND a.time >= @from
		  AND a.time < @before
		ORDER BY a.time DESC
		LIMIT 1)
		UNION ALL
		SELECT (
			SELECT (a.time AT TIME ZONE z.timezone)::date
			FROM access_log a
			WHERE a.tenant = @tenant
			  AND a.client = @client
			  AND ` + mayManage + `
			  AND a.time >= @from
			  AND a.time < d.day::timestamp AT TIME ZONE z.timezone
			ORDER BY a.time DESC
			LIMIT 1)
		FROM days d
		CROSS JOIN zone z
		WHERE d.day IS NOT NULL),
	-- When the oldest day of the page begins: every day has one access at least.
	begins AS MATERIALIZED (
		SELECT min(d.day)::timestamp AT TIME ZONE z.timezone AS at
		FROM (
			SELECT day
			FROM days
			WHERE day IS NOT NULL
			LIMIT @limit) d
		CROSS JOIN zone z
		GROUP BY z.timezone),
	folded AS (
		SELECT (a.time AT TIME ZONE z.timezone)::date AS day,
		       min(a.time) AS first, max(a.time) AS last, count(*) AS count,
		       a.action, a.event, a.outcome, a.user_id,
		       (array_agg(a.user_name ORDER BY a.time DESC))[1] AS user_name,
		       (array_agg(a.user_role ORDER BY a.time DESC))[1] AS user_role,
		       a.on_behalf_of,
		       md5(ROW(a.action, a.event, a.outcome, a.user_id, a.on_behalf_of)::text)
		           COLLATE "C" AS key
		FROM access_log a
		CROSS JOIN zone z
		CROSS JOIN begins b
		WHERE a.tenant = @tenant
		  AND a.client = @client
		  AND ` + mayManage + `
		  AND a.time >= @from
		  AND a.time < @before
		  AND a.time >= b.at
		GROUP BY 1, a.action, a.event, a.outcome, a.user_id, a.on_behalf_of)
	SELECT day, first, last, count, action, event, outcome, user_id, user_name, user_role,
	       on_behalf_of, key
	FROM folded
	WHERE (last, key) < (@at, @key)
	ORDER BY last DESC, key DESC
	LIMIT @limit`

// Accesses returns the accesses to the dossier, the newest first, and whether there are more. Only
// managers are shown any.
func (p *Portal) Accesses(
	ctx context.Context, id Identity, client string, q AccessQuery,
) (Standing, []Access, bool, error) {
	from, before := interval(q.From, q.To)
	at := q.Start.At
	if at.IsZero() {
		at = newestEnd
	} else if q.StartDay.Before(before) {
		before = q.StartDay
	}
	var s Standing
	var list []Access
	err := p.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		// One more access to see whether there are more, and one more day because the accesses of the
		// day on which the page begins may all have been shown.
		b.Queue(accesses, pgx.StrictNamedArgs{
			"tenant": id.Tenant, "client": client, "from": from, "before": before, "at": at, "key": q.Start.Key,
			"limit": q.Limit + 2,
		}).Query(collect(&list, pgx.RowToStructByPos[Access]))
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read the access log: %w", err)
	}
	list, more := cut(list, q.Limit)
	return s, list, more, nil
}
