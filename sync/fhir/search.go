package fhir

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// maxLink is the longest link to a next page, in bytes, that is followed. Servers
// that keep their place in the link send up to some kilobytes.
const maxLink = 64 << 10

// Search implements [source.Source].
//
// A page that is larger than the limit on answers is asked for again with fewer
// records, down to one. Where that befalls a later page, whose link is not ours to
// change, the search begins anew within this call: records that came already come
// again, and Next goes on from there.
func (s *Source) Search(ctx context.Context, q source.Query) (source.Page, error) {
	act := "search " + q.Type.Name
	k, ok := kindNamed(q.Type.Name)
	switch {
	case !ok:
		return source.Page{}, &source.Failure{Kind: source.Unsupported, Act: act}
	case q.Client != "" && k.search == "":
		return source.Page{}, nil // none of these belong to a client
	}
	if q.Next != "" {
		p, err := s.searchNext(ctx, act, k, q)
		if !errors.Is(err, errTooLarge) || !s.learned.shrink(k.name, s.learned.pageSize(k.name, s.pageSize)) {
			return p, err
		}
		q.Next = ""
	}
	return s.negotiate(ctx, act, k, q)
}

// negotiate asks for the first page, with as many features as the source takes. A
// 400 may be about any of them, so they are left out one at a time; where that does
// not help, all are, and then those that the source takes are put back. What it
// refuses is remembered.
func (s *Source) negotiate(ctx context.Context, act string, k *kindOfResource, q source.Query) (source.Page, error) {
	refused := s.learned.known()
	want := featuresOf(q, refused)
	ans, err := s.searchFirst(ctx, act, k, q, want)
	if status(err) != http.StatusBadRequest {
		return s.firstPage(ctx, act, k, q, want, ans, err)
	}
	var other error // a failure that says nothing of features
	try := func(want feature) bool {
		less, again := s.searchFirst(ctx, act, k, q, want)
		if again == nil {
			ans = less
		} else if status(again) != http.StatusBadRequest {
			other = again
		}
		return again == nil
	}
	taken, found := feature(0), false
	want.each(func(one feature) bool {
		taken = featuresOf(q, refused|one)
		found = try(taken)
		return !found && other == nil
	})
	if !found && other == nil {
		taken = 0
		if found = try(taken); found {
			want.each(func(one feature) bool {
				if more := featuresOf(q, allFeatures&^(taken|one)); more != taken && try(more) {
					taken = more
				}
				return other == nil
			})
		}
	}
	switch {
	case other != nil:
		return source.Page{}, other
	case !found:
		return source.Page{}, err
	}
	s.learned.refuse(want &^ taken)
	return s.firstPage(ctx, act, k, q, taken, ans, nil)
}

// firstPage reads the answer to a first request that asked for the features. A
// source that answers a count with records and no total ignores _summary=count: it
// is asked for an empty page instead.
func (s *Source) firstPage(ctx context.Context, act string, k *kindOfResource, q source.Query, asked feature, ans response,
	err error) (source.Page, error) {
	p, err := s.page(ctx, act, q, nil, ans, err)
	if err != nil {
		return p, err
	}
	if q.CountOnly && p.Total < 0 && asked&withSummary != 0 {
		s.learned.refuse(withSummary)
		return s.negotiate(ctx, act, k, q)
	}
	// Without a bound that the source takes, everything comes.
	p.Unfiltered = p.Unfiltered || !q.From.IsZero() && asked&withInterval == 0
	return p, nil
}

// searchFirst asks for the first page, and for a smaller one as long as it is
// too large.
func (s *Source) searchFirst(ctx context.Context, act string, k *kindOfResource, q source.Query, want feature) (response, error) {
	for {
		size := s.learned.pageSize(k.name, s.pageSize)
		u := s.searchURL(k, q, want, size)
		ans, err := s.client.get(ctx, request{act: act, kind: metricType(k.name), url: u, strict: want&withStrict != 0, list: true})
		if !errors.Is(err, errTooLarge) || q.CountOnly || !s.learned.shrink(k.name, size) {
			if err == nil && !q.Envelope && !q.CountOnly && int64(len(ans.body)) < s.limits.Response/8 {
				s.learned.grow(k.name, size, s.pageSize)
			}
			return ans, notFoundIs(source.Unsupported, err)
		}
	}
}

// searchNext follows a link to a next page. Where it is no longer valid, the
// window must start anew.
func (s *Source) searchNext(ctx context.Context, act string, k *kindOfResource, q source.Query) (source.Page, error) {
	u, err := s.follow(q.Next)
	if err != nil {
		return source.Page{}, &source.Failure{Kind: source.Invalid, Act: act, Err: err}
	}
	ans, err := s.client.get(ctx, request{act: act, kind: k.name, url: u, list: true})
	return s.page(ctx, act, q, u, ans, notFoundIs(source.Expired, err))
}

// ownAddress returns u under the base URL, if it is under one of the aliases: a server behind a
// proxy writes links with the name that it knows itself by (microsoft/fhir-server #1317). No request
// goes to an alias.
func (s *Source) ownAddress(u *url.URL) *url.URL {
	for _, alias := range s.mapper.aliases {
		rest, ok := underBase(alias, u.String())
		if !ok || u.User != nil {
			continue
		}
		rest, _, _ = strings.Cut(rest, "?")
		if own, err := s.base.Parse("./" + rest); err == nil {
			own.RawQuery = u.RawQuery
			return own
		}
	}
	return u
}

// follow returns where a next link leads: absolute or relative to the base, and
// on its origin.
func (s *Source) follow(link string) (*url.URL, error) {
	if len(link) > maxLink {
		return nil, plain("the link to the next page is too long")
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, plain("the link to the next page is not a URL")
	}
	u = s.ownAddress(s.base.ResolveReference(u))
	u.Fragment = ""
	if wrong := s.mapper.reach.trouble(u); wrong != "" {
		return nil, plain("the link to the next page: " + string(wrong))
	}
	return u, nil
}

// searchURL returns the URL of a query's first page.
func (s *Source) searchURL(k *kindOfResource, q source.Query, want feature, size int) *url.URL {
	params, _ := url.ParseQuery(q.Type.Query)
	if q.Client != "" {
		who := q.Client
		if k.search != "_id" {
			who = "Patient/" + who
		}
		params.Set(k.search, who)
	}
	if q.ID != "" {
		params.Set("_id", q.ID)
	}
	if want&withInterval != 0 && !q.From.IsZero() {
		params.Add("_lastUpdated", "ge"+instant(q.From))
	}
	// A source that takes one bound is asked for the lower: what is newer than the
	// upper comes too, and does no harm, as the cursor does not pass the upper.
	if want&withInterval != 0 && !q.To.IsZero() && (q.From.IsZero() || want&withBothBounds != 0) {
		params.Add("_lastUpdated", "le"+instant(q.To))
	}
	if want&withTotal != 0 {
		params.Set("_total", "accurate")
	}
	switch {
	case want&withSummary != 0:
		params.Set("_summary", "count")
	case q.CountOnly:
		params.Set("_count", "0")
	default:
		params.Set("_count", strconv.Itoa(size))
	}
	if want&withSort != 0 {
		params.Set("_sort", "_lastUpdated")
	}
	if want&withElements != 0 {
		params.Set("_elements", elementsOf(k))
	}
	u := s.base.JoinPath(k.name)
	u.RawQuery = params.Encode()
	return u
}

// elementsOf lists what an envelope of the kind is read from.
func elementsOf(k *kindOfResource) string {
	const all = "id,meta,implicitRules,modifierExtension"
	if k.elements == "" {
		return all
	}
	return all + "," + k.elements
}

// instant writes t for _lastUpdated: cut off, never rounded up.
func instant(t time.Time) string {
	return t.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z")
}

// page reads the answer to q, whose page was at u, or nil for the first; err is
// what asking for it came to.
func (s *Source) page(ctx context.Context, act string, q source.Query, u *url.URL, ans response, err error) (source.Page, error) {
	if err != nil {
		return source.Page{}, err
	}
	if ans.noBundle != nil {
		return source.Page{}, invalid(act, ans, ans.noBundle)
	}
	b := ans.bundle
	p := source.Page{Total: b.total, Bytes: ans.wire, Size: int64(len(ans.body))}
	if q.CountOnly {
		return p, nil
	}
	if err := s.finish(ctx, q.Type, s.mapper.entries(&p, q, b.entries)); err != nil {
		return source.Page{}, err
	}
	p.Unfiltered = u == nil && isUnfiltered(q, b, p.Items)
	if b.next != "" {
		next, err := s.follow(b.next)
		if err == nil && u != nil && next.String() == u.String() {
			err = plain("the link to the next page leads to the same page")
		}
		if err != nil {
			return source.Page{}, invalid(act, ans, err)
		}
		p.Next, p.Offset = next.String(), isOffset(next)
	}
	return p, nil
}

// isUnfiltered reports whether the interval was ignored: the source says that it
// searched without it (FHIR R4 §3.1.1.3), or sent what lies before it. What lies
// after it may have changed while the page was put together.
func isUnfiltered(q source.Query, b bundle, items []dossier.Item) bool {
	if q.From.IsZero() && q.To.IsZero() {
		return false
	}
	if b.self != nil && !hasBound(b.self.Query()["_lastUpdated"], q.From.IsZero()) {
		return true
	}
	for _, it := range items {
		if !it.Updated.IsZero() && it.Updated.Before(q.From.Add(-time.Second)) {
			return true
		}
	}
	return false
}

// hasBound reports whether one of the values of _lastUpdated that a source says it
// searched with is a lower bound; or any value, where none was asked for.
func hasBound(values []string, upperWillDo bool) bool {
	for _, v := range values {
		v = strings.ToLower(v)
		if upperWillDo || !strings.HasPrefix(v, "le") && !strings.HasPrefix(v, "lt") && !strings.HasPrefix(v, "eb") {
			return true
		}
	}
	return false
}

// isOffset reports whether u counts records from the start.
func isOffset(u *url.URL) bool {
	params := u.Query()
	for _, name := range []string{"_offset", "offset", "_skip", "skip", "_page", "page"} {
		if _, err := strconv.Atoi(params.Get(name)); err == nil {
			return true
		}
	}
	return false
}

// status returns the HTTP status of the failure that err is.
func status(err error) int {
	if f, ok := errors.AsType[*source.Failure](err); ok {
		return f.Status
	}
	return 0
}

// notFoundIs returns err with kind in place of NotFound, which is only for
// single records.
func notFoundIs(kind source.FailureKind, err error) error {
	if f, ok := errors.AsType[*source.Failure](err); ok && f.Kind == source.NotFound {
		g := *f
		g.Kind = kind
		return &g
	}
	return err
}
