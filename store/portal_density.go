package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Period is a unit of the calendar. Weeks begin on Monday.
type Period string

// The periods that density can be counted by.
const (
	Day   Period = "day"
	Week  Period = "week"
	Month Period = "month"
)

// DensityQuery selects the items that are counted. Kinds, Category, From and To are as in [ListQuery].
type DensityQuery struct {
	By       Period
	Kinds    []dossier.Kind
	Category string
	From, To time.Time
}

// Density is the number of a dossier's items in one period.
type Density struct {
	Start   time.Time // the period's first date, in the tenant's zone
	Reports int64
	Forms   int64
}

// Density counts the dossier's items that the user may read by period, the newest first. Empty
// periods are left out. It returns at most [listMax] periods, and whether there are more.
func (p *Portal) Density(
	ctx context.Context, id Identity, client string, q DensityQuery,
) (Standing, []Density, bool, error) {
	count := `
		SELECT date_trunc(@by, i.at AT TIME ZONE (
		           SELECT t.timezone FROM tenants t WHERE t.id = @tenant))::date AS start,
		       count(*) FILTER (WHERE i.kind = 'report'),
		       count(*) FILTER (WHERE i.kind = 'form')
		FROM items i
		WHERE i.tenant = @tenant
		  AND i.client = @client
		  AND i.kind = ANY(@kinds)
		  AND ` + readable + `
		  AND i.at >= @from
		  AND i.at < @to
		  AND (@category = '' OR i.kind <> 'report' OR i.category = @category)
		GROUP BY start
		ORDER BY start DESC
		LIMIT @limit`
	from, to := interval(q.From, q.To)
	args := pgx.StrictNamedArgs{
		"tenant": id.Tenant, "client": client, "by": q.By, "kinds": q.Kinds, "category": q.Category,
		"from": from, "to": to, "limit": listMax + 1,
	}
	var s Standing
	var periods []Density
	err := p.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		b.Queue(count, args).Query(collect(&periods, pgx.RowToStructByPos[Density]))
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read a density: %w", err)
	}
	periods, more := cut(periods, listMax)
	return s, periods, more, nil
}
