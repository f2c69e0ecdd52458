package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Access is what one user did alike with a dossier in the course of one day.
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
	Key        string // tells it apart from others with the same Last
}

// AccessQuery selects a page of the access log, the newest first.
type AccessQuery struct {
	From, To time.Time // a half-open interval [From, To); zero: unbounded
	// Start is the Last and the Key of the access after which the page begins;
	// StartDay is where the day of Last ends.
	Start    Position
	StartDay time.Time
	Limit    int
}

// mayManage is mayOpen for what only managers are shown.
const mayManage = ` AND @client = ANY (nullif(current_setting('dossiersync.managed', true), '')::text[])`

// Accesses returns who did what with the dossier, like events of a day folded
// into one, and whether there are more. Only managers are shown any. A page costs
// the events of its own days, however long the log is.
func (r *Portal) Accesses(ctx context.Context, id Identity, client string, q AccessQuery) (Standing, []Access, bool, error) {
	const sql = `
		WITH RECURSIVE zone AS MATERIALIZED (SELECT timezone FROM tenants WHERE id = @tenant),
		days (day) AS (
			(SELECT (a.time AT TIME ZONE z.timezone)::date FROM access_log a, zone z
				WHERE a.tenant = @tenant AND a.client = @client` + mayManage + ` AND a.time >= @from AND a.time < @before
				ORDER BY a.time DESC LIMIT 1)
			UNION ALL
			SELECT (SELECT (a.time AT TIME ZONE z.timezone)::date FROM access_log a
				WHERE a.tenant = @tenant AND a.client = @client` + mayManage + ` AND a.time >= @from
				  AND a.time < d.day::timestamp AT TIME ZONE z.timezone
				ORDER BY a.time DESC LIMIT 1)
			FROM days d, zone z WHERE d.day IS NOT NULL),
		begins AS MATERIALIZED (
			SELECT min(d.day)::timestamp AT TIME ZONE z.timezone AS at
			FROM (SELECT day FROM days WHERE day IS NOT NULL LIMIT @limit) d, zone z GROUP BY z.timezone),
		folded AS (
			SELECT (a.time AT TIME ZONE z.timezone)::date AS day, min(a.time) AS first, max(a.time) AS last, count(*) AS count,
				a.action, a.event, a.outcome, a.user_id,
				(array_agg(a.user_name ORDER BY a.time DESC))[1] AS user_name,
				(array_agg(a.user_role ORDER BY a.time DESC))[1] AS user_role, a.on_behalf_of,
				md5(ROW(a.action, a.event, a.outcome, a.user_id, a.on_behalf_of)::text) COLLATE "C" AS key
			FROM access_log a, zone z, begins b
			WHERE a.tenant = @tenant AND a.client = @client` + mayManage + ` AND a.time >= @from AND a.time < @before AND a.time >= b.at
			GROUP BY 1, a.action, a.event, a.outcome, a.user_id, a.on_behalf_of)
		SELECT day, first, last, count, action, event, outcome, user_id, user_name, user_role, on_behalf_of, key
		FROM folded WHERE (last, key) < (@at, @key)
		ORDER BY last DESC, key DESC LIMIT @limit`
	from, before, at := q.From, q.To, q.Start.At
	if from.IsZero() {
		from = oldestEnd
	}
	if before.IsZero() {
		before = newestEnd
	}
	if at.IsZero() {
		at = newestEnd
	} else if q.StartDay.Before(before) {
		before = q.StartDay
	}
	var s Standing
	var list []Access
	err := r.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		// One more for what says that there are more, and one for the day on
		// which the page begins, all of which may have been shown.
		b.Queue(sql, pgx.StrictNamedArgs{
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
