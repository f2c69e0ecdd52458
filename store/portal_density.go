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

// The periods that density can be told by.
const (
	Day   Period = "day"
	Week  Period = "week"
	Month Period = "month"
)

// DensityQuery selects what is counted. Kinds, Category, From and To are as in
// [ListQuery].
type DensityQuery struct {
	By       Period
	Kinds    []dossier.Kind
	Category string
	From, To time.Time
}

// Density is how many items of a dossier fall in one period.
type Density struct {
	Start   time.Time // the period's first date, in the tenant's zone
	Reports int64
	Forms   int64
}

// Density counts the dossier's items per period, the newest first, as far as the
// user may see them; without those that have none. It returns at most [listMax]
// periods, and whether there are more.
func (r *Portal) Density(ctx context.Context, id Identity, client string, q DensityQuery) (Standing, []Density, bool, error) {
	count := `
		SELECT date_trunc(@by, i.at AT TIME ZONE (SELECT t.timezone FROM tenants t WHERE t.id = @tenant))::date AS start,
			count(*) FILTER (WHERE i.kind = 'report'), count(*) FILTER (WHERE i.kind = 'form')
		FROM items i
		WHERE i.tenant = @tenant AND i.client = @client AND i.kind = ANY(@kinds)` + readable + `
		  AND i.at >= @from AND i.at < @to
		  AND (@category = '' OR i.kind <> 'report' OR i.category = @category)
		GROUP BY start ORDER BY start DESC LIMIT @limit`
	list := ListQuery{Kinds: []dossier.Kind{""}, Category: q.Category, From: q.From, To: q.To}
	args := list.args(id, client)
	for _, name := range []string{"kind1", "open", "at", "key"} {
		delete(args, name)
	}
	args["by"], args["kinds"], args["limit"] = q.By, q.Kinds, listMax+1
	var s Standing
	var periods []Density
	err := r.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		b.Queue(count, args).Query(collect(&periods, pgx.RowToStructByPos[Density]))
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read a density: %w", err)
	}
	periods, more := cut(periods, listMax)
	return s, periods, more, nil
}
