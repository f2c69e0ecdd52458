package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// Probed is what a source was found to do. It holds no personal data and no ids of records.
type Probed struct {
	Software string `json:"software,omitempty"`
	// ClockOff is how many seconds the source's clock is ahead of ours; nil: it does not tell.
	ClockOff *float64     `json:"clockOff,omitempty"`
	Requests int          `json:"requests"`
	Millis   int64        `json:"milliseconds"` // in all
	Throttle bool         `json:"throttled"`    // the source has asked for patience
	Files    int          `json:"files"`        // files of documents that could be fetched
	Types    []ProbedType `json:"types"`
	// Problems stand in the way of a right replica. Notes do not. Config is what to write under
	// source.fhir, in YAML.
	Problems []string `json:"problems"`
	Notes    []string `json:"notes"`
	Config   []string `json:"config"`
}

// ProbedType is what was found of one search.
type ProbedType struct {
	Stream  dossier.Stream `json:"stream"`
	Type    string         `json:"type"`
	Query   string         `json:"query,omitempty"`
	Failure string         `json:"failure,omitempty"` // why it cannot be searched
	// Records is how many the source counts; nil: it does not count.
	Records   *int   `json:"records,omitempty"`
	ByClient  bool   `json:"byClient"`            // it can be searched for one client at a time only
	InParts   bool   `json:"inParts"`             // a search for all records fails, one for the last year does not
	Interval  string `json:"interval,omitempty"`  // of _lastUpdated: two-sided, one-sided, ignored, refused
	Order     string `json:"order,omitempty"`     // by _lastUpdated: ascending, none
	Asked     int    `json:"asked,omitempty"`     // records of a page
	Given     int    `json:"given,omitempty"`     // records of the first page
	Next      string `json:"next,omitempty"`      // the link to the next page: cursor, offset, none, fails
	Deletions string `json:"deletions,omitempty"` // how it tells of them: history, search, none, unknown
	Read      string `json:"read,omitempty"`      // a record by its id: yes, or why not
	IDList    string `json:"idList,omitempty"`    // _id=a,b: yes, no
	Elements  string `json:"elements,omitempty"`  // _elements: yes, ignored, refused
	Precision string `json:"precision,omitempty"` // of meta.lastUpdated: sub-second, seconds, none
	Zone      string `json:"zone,omitempty"`      // of meta.lastUpdated: Z, or the offset of the first
	// Bases are addresses, other than the configured ones, under which records refer to a Patient.
	Bases  []string `json:"bases,omitempty"`
	Millis int64    `json:"milliseconds,omitempty"` // for the first page

	optional bool
	status   int // of Failure
	document string
}

// prober probes one source. What it learns of features is what the source learns anyway.
type prober struct {
	*Source
	client string // one of the source's clients, where a search needs one
	now    time.Time
	last   time.Duration // how long the last request took
}

// Probe tries what the source can do with each of its searches, by at most ten requests each. It
// changes nothing in the source. It fails if the source cannot be asked at all.
func (s *Source) Probe(ctx context.Context) (*Probed, error) {
	p := &prober{Source: s}
	out := &Probed{Problems: []string{}, Notes: []string{}, Config: []string{}}
	observe := s.client.observe
	var mu sync.Mutex // files of one document are fetched side by side
	s.client.observe = func(r Request) {
		mu.Lock()
		defer mu.Unlock()
		out.Requests++
		out.Throttle = out.Throttle || r.Class == "throttled"
		if r.Type == "Binary" && r.Class == "2xx" {
			out.Files++
		}
		p.last = r.Duration
		observe(r)
	}
	defer func() { s.client.observe = observe }()
	began := time.Now()
	d, err := s.Describe(ctx)
	if err != nil && !isStatement(err) {
		return nil, err
	}
	out.Software = d.Software
	if p.now = d.Now; d.Now.IsZero() {
		p.now = time.Now()
	} else {
		off := d.Now.Sub(time.Now().Truncate(time.Second)).Seconds()
		out.ClockOff = &off
	}
	if err != nil {
		out.problem("%v", err)
		return out, nil
	}
	for _, t := range s.types {
		found := ProbedType{Stream: t.Stream, Type: t.Name, Query: t.Query, optional: t.Optional}
		if err := p.probe(ctx, t, &found); err != nil {
			return nil, err
		}
		out.Types = append(out.Types, found)
	}
	out.Millis = time.Since(began).Milliseconds()
	out.judge(s)
	return out, nil
}

// isStatement reports whether err is what the source states of itself, and not that it cannot be
// asked.
func isStatement(err error) bool {
	switch source.KindOf(err) {
	case source.WrongVersion, source.Unauthorized, source.Unsupported, source.Invalid:
		return true
	}
	return false
}

// probe tries one search. The error is that of a source that cannot be asked any more.
func (p *prober) probe(ctx context.Context, t source.Type, found *ProbedType) error {
	q := source.Query{Type: t, Envelope: true}
	first, page, err := p.firstPage(ctx, q, found)
	if source.KindOf(err) == source.Unsupported && t.Stream.OfClients() && p.client != "" {
		q.Client = p.client
		if first, page, err = p.firstPage(ctx, q, found); err == nil {
			found.ByClient = true
		}
	}
	if status(err) >= 500 {
		q.From = p.now.Add(-360 * 24 * time.Hour)
		if first, page, err = p.firstPage(ctx, q, found); err == nil {
			found.InParts = true
		}
	}
	if f, ok := errors.AsType[*source.Failure](err); ok {
		found.Failure, found.status = f.Error(), f.Status
		if f.Kind == source.BreakerOpen || f.Kind == source.Throttled || f.Kind == source.Unreachable && f.Status == 0 {
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	if t.Stream == dossier.StreamClients && len(page.Items) > 0 {
		p.client = page.Items[0].ID
	}
	p.look(t, first, page, found)
	for _, try := range []func(context.Context, source.Query, source.Page, *ProbedType) error{
		p.tryCount, p.tryNext, p.tryInterval, p.tryRead, p.tryIDs, p.tryDeletions,
	} {
		if err := try(ctx, q, page, found); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// firstPage fetches a first page, and returns the answer as it came beside what it is read as.
func (p *prober) firstPage(ctx context.Context, q source.Query, found *ProbedType) (response, source.Page, error) {
	k, _ := kindNamed(q.Type.Name) // Options.types has seen to it
	act := "search " + q.Type.Name
	ans, err := p.searchFirst(ctx, act, k, q, featuresOf(q, p.learned.known()))
	if status(err) == 400 {
		if page, err := p.Search(ctx, q); err != nil {
			return response{}, page, err
		}
		ans, err = p.searchFirst(ctx, act, k, q, featuresOf(q, p.learned.known()))
	}
	found.Millis = p.last.Milliseconds()
	page, err := p.page(ctx, act, q, nil, ans, err)
	return ans, page, err
}

// look reads off the first page what it shows without another request.
func (p *prober) look(t source.Type, first response, page source.Page, found *ProbedType) {
	k, _ := kindNamed(t.Name)
	found.Asked, found.Given = p.learned.pageSize(k.name, p.pageSize), len(page.Items)
	known := p.learned.known()
	switch {
	case len(page.Items) < 2:
	case known&withSort != 0 || !slices.IsSortedFunc(page.Items, func(a, b dossier.Item) int { return a.Updated.Compare(b.Updated) }):
		found.Order = "none"
	default:
		found.Order = "ascending"
	}
	found.Elements = "yes"
	if known&withElements != 0 {
		found.Elements = "refused"
	}
	allowed := append(strings.Split(elementsOf(k), ","), "resourceType", "text", "extension")
	found.Precision = "none"
	for _, e := range first.bundle.entries {
		var body map[string]json.RawMessage
		if json.Unmarshal(e.resource, &body) != nil {
			continue
		}
		for member := range body {
			if found.Elements == "yes" && !slices.Contains(allowed, strings.TrimPrefix(member, "_")) {
				found.Elements = "ignored"
			}
		}
		p.lookAtTime(body["meta"], found)
		p.lookAtBases(body, found)
	}
	if len(first.bundle.entries) == 0 {
		found.Elements, found.Precision = "", ""
	}
}

func (p *prober) lookAtTime(meta json.RawMessage, found *ProbedType) {
	var m struct{ LastUpdated string }
	if json.Unmarshal(meta, &m) != nil || m.LastUpdated == "" {
		return
	}
	_, clock, _ := strings.Cut(m.LastUpdated, "T")
	i := strings.IndexAny(clock, "Z+-")
	if i < 0 {
		return
	}
	if found.Zone == "" {
		found.Zone = clock[i:]
	}
	if strings.Contains(clock[:i], ".") {
		found.Precision = "sub-second"
	} else if found.Precision == "none" {
		found.Precision = "seconds"
	}
}

// lookAtBases notes the bases of references to clients that are not the source's own.
func (p *prober) lookAtBases(body map[string]json.RawMessage, found *ProbedType) {
	for _, member := range []string{"subject", "patient"} {
		var ref struct{ Reference string }
		if json.Unmarshal(body[member], &ref) != nil || !p.mapper.resolve(ref.Reference).IsZero() {
			continue
		}
		base, _, ok := strings.Cut(ref.Reference, "/Patient/")
		u, err := url.Parse(base)
		if !ok || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			continue
		}
		if base = u.Scheme + "://" + u.Host + u.EscapedPath(); !slices.Contains(found.Bases, base) && len(found.Bases) < 5 {
			found.Bases = append(found.Bases, base)
		}
	}
}

func (p *prober) tryCount(ctx context.Context, q source.Query, page source.Page, found *ProbedType) error {
	q.CountOnly, q.Envelope = true, false
	counted, err := p.Search(ctx, q)
	n := counted.Total
	if err != nil || n < 0 {
		n = page.Total
	}
	if n >= 0 {
		found.Records = &n
	}
	return err
}

func (p *prober) tryNext(ctx context.Context, q source.Query, page source.Page, found *ProbedType) error {
	found.Next = "none"
	if page.Next == "" {
		return nil
	}
	found.Next = "cursor"
	if page.Offset {
		found.Next = "offset"
	}
	q.Next = page.Next
	_, err := p.Search(ctx, q)
	if err != nil {
		found.Next = "fails"
	}
	return err
}

// tryInterval asks for what changed after the last record of the first page, which a source that
// ignores the interval answers with the first page again.
func (p *prober) tryInterval(ctx context.Context, q source.Query, page source.Page, found *ProbedType) error {
	q.From, q.To = p.now.Add(-time.Hour), p.now
	if n := len(page.Items); n > 0 && !page.Items[n-1].Updated.IsZero() && page.Items[n-1].Updated.Before(p.now) {
		q.From = page.Items[n-1].Updated.Add(2 * time.Second)
		q.To = q.From.Add(p.now.Sub(q.From).Abs())
	}
	answer, err := p.Search(ctx, q)
	switch known := p.learned.known(); {
	case err != nil:
		found.Interval = "fails"
	case known&withInterval != 0:
		found.Interval = "refused"
	case answer.Unfiltered:
		found.Interval = "ignored"
	case known&withBothBounds != 0:
		found.Interval = "one-sided"
	default:
		found.Interval = "two-sided"
	}
	return err
}

func (p *prober) tryRead(ctx context.Context, q source.Query, page source.Page, found *ProbedType) error {
	for i, it := range page.Items {
		if it.ID == "" {
			continue
		}
		item, err := p.Source.Read(ctx, q.Type.Stream, it.Ref)
		if err != nil {
			found.Read = err.Error()
			return err
		}
		found.Read = "yes"
		if item.State == dossier.StateQuarantined && found.document == "" {
			found.document = strings.TrimSuffix(string(item.Reason)+": "+item.Detail, ": ")
		}
		if q.Type.Name != "DocumentReference" || i == 2 { // documents have files elsewhere
			return nil
		}
	}
	return nil
}

func (p *prober) tryIDs(ctx context.Context, q source.Query, page source.Page, found *ProbedType) error {
	var ids []string
	for _, it := range page.Items {
		if it.ID != "" && !slices.Contains(ids, it.ID) && len(ids) < 2 {
			ids = append(ids, it.ID)
		}
	}
	if len(ids) < 2 {
		return nil
	}
	q.ID = strings.Join(ids, ",")
	answer, err := p.Search(ctx, q)
	found.IDList = "no"
	if err == nil && len(answer.Items) == len(ids) {
		found.IDList = "yes"
	}
	return err
}

func (p *prober) tryDeletions(ctx context.Context, q source.Query, _ source.Page, found *ProbedType) error {
	_, err := p.Deleted(ctx, q.Type, p.now.Add(-time.Hour), "")
	switch ways := p.learned.feeds(q.Type.Name); {
	case err != nil:
		found.Deletions = "none"
	case len(ways) > 1: // it has no records yet
		found.Deletions = "unknown"
	case ways[0] == feedHistory:
		found.Deletions = "history"
	default:
		found.Deletions = "search"
	}
	return err
}
