package store

import (
	"context"
	"fmt"
	"time"

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
	const columns = `, f.starts, f.reports, f.forms`
	from, to := interval(q.From, q.To)
	args := p.callArgs(purposeRead, id, client,
		string(q.By), q.Kinds, q.Category, from, to, listMax+1)
	var s Standing
	var starts []time.Time
	var reports, forms []int64
	err := p.askContent(ctx, &s, `portal_density`+parameters(len(args)), columns, args, &starts, &reports, &forms)
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read a density: %w", err)
	}
	periods := make([]Density, len(starts))
	for i := range periods {
		periods[i] = Density{starts[i], reports[i], forms[i]}
	}
	periods, more := cut(periods, listMax)
	return s, periods, more, nil
}
