package fhir

import (
	"context"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

var _ source.Counts = (*Source)(nil)

// Count implements [source.Counts]: by _summary=count, or in whatever way the
// server is known to count. What that way is, is found out with types that are
// read here; any other is asked for once, as there may be many, and what is amiss
// with one of them says nothing about counting.
func (s *Source) Count(ctx context.Context, typeName string, to time.Time) (int64, error) {
	act := "count " + typeName
	if !isTypeName(typeName) {
		return 0, &source.Failure{Kind: source.Unsupported, Act: "count", Err: plain("not the name of a resource type")}
	}
	q := source.Query{Type: source.Type{Name: typeName}, To: to, CountOnly: true}
	var p source.Page
	var err error
	if k, ok := kindNamed(typeName); ok {
		p, err = s.negotiate(ctx, act, k, q)
	} else {
		var ans response
		ans, err = s.searchFirst(ctx, act, &kindOfResource{name: typeName}, q, featuresOf(q, s.learned.known()))
		p, err = s.page(ctx, act, q, nil, ans, err)
	}
	switch {
	case err != nil:
		return 0, err
	case p.Total < 0:
		return 0, &source.Failure{Kind: source.Unsupported, Act: act, Err: plain("no total in the answer")}
	}
	return int64(p.Total), nil
}

// metricType returns the resource type as metrics call it: types that are not read
// here are the server's to name, and share one word.
func metricType(typeName string) string {
	if _, ok := dossier.StreamOf(typeName); ok {
		return typeName
	}
	return "other"
}
