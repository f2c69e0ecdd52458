package simulator

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dossiersync/cmd/carerecordsim/archive"
)

// paddingParameter makes next links long; it says nothing.
const paddingParameter = "_padding"

// result is one page of a search or a history.
type result struct {
	query search
	at    cursor
	page  []*archive.Version
	more  bool
}

// fetch reads the page at a cursor.
func (s *Server) fetch(r *http.Request, q search, at cursor) result {
	mishap := s.mishap.Load()
	mishap.narrow(&q)
	if at.Query == "" && at.ID == "" && at.Offset == 0 {
		at.Query, at.Made = encodeQuery(q.used), s.o.Clock().UnixMicro()
		at.AsOf = s.moment(r, at)
	} else if s.o.Behaviour.Paging != Snapshot {
		at.AsOf = s.archive.Seq()
	}
	q.query.AsOf, q.query.After = at.AsOf, at.position()
	if at.Total < 0 && s.counts(q) {
		at.Total = s.archive.Count(q.query)
	}
	res := result{query: q, at: at}
	switch {
	case q.countOnly:
	case s.o.Behaviour.UnstableTies, s.o.Behaviour.UnstableOrder && !q.sorted:
		all, _ := s.archive.Search(q.query, -1)
		s.shuffle(all, !s.o.Behaviour.UnstableOrder || q.sorted)
		res.page = all[min(at.Offset, len(all)):min(at.Offset+q.count, len(all))]
		res.more = at.Offset+q.count < len(all)
	default:
		page, more := s.archive.Search(q.query, at.Offset+q.count)
		res.page, res.more = page[min(at.Offset, len(page)):], more
	}
	mishap.cut(&res)
	for i, v := range res.page {
		res.page[i] = s.withPrefix(v)
	}
	return res
}

// relativeClient matches the beginning of a relative reference to a client.
var relativeClient = regexp.MustCompile(`("reference"\s*:\s*")(Patient/)`)

// withPrefix returns the version as the server writes its references.
func (s *Server) withPrefix(v *archive.Version) *archive.Version {
	prefix := s.o.Behaviour.ReferencePrefix
	if prefix == "" || v.Deleted {
		return v
	}
	return v.WithBody(relativeClient.ReplaceAll(v.Body, []byte("${1}"+prefix+"${2}")))
}

// moment returns the Seq of a first page: the newest, or for a while that of an earlier, equal
// search.
func (s *Server) moment(r *http.Request, at cursor) int64 {
	life := s.o.Behaviour.SearchCache
	if life <= 0 {
		return s.archive.Seq()
	}
	control := strings.ToLower(strings.Join(r.Header.Values("Cache-Control"), ","))
	fresh := strings.Contains(control, "no-cache") || strings.Contains(control, "no-store")
	key := at.Path + "?" + at.Query
	now := s.o.Clock()
	s.cacheMu.Lock()
	defer s.cacheMu.Unlock()
	if kept, ok := s.cache[key]; ok && !fresh && now.Sub(kept.since) < life {
		return kept.asOf
	}
	for k, kept := range s.cache {
		if now.Sub(kept.since) >= life {
			delete(s.cache, k)
		}
	}
	asOf := s.archive.Seq()
	s.cache[key] = cachedMoment{now, asOf}
	return asOf
}

func (s *Server) counts(q search) bool {
	switch {
	case q.countOnly:
		return true
	case s.o.Behaviour.NoTotals || q.noTotal:
		return false
	default:
		return !s.o.Behaviour.TotalOnRequest || q.wantsTotal
	}
}

// shuffle gives a list another order in each call; with ties, only within equal lastUpdated.
func (s *Server) shuffle(list []*archive.Version, ties bool) {
	r := rand.New(rand.NewPCG(1, s.shuffles.Add(1))) //nolint:gosec // disorder, and no secret
	for i := 0; i < len(list); {
		j := i + 1
		for j < len(list) && (!ties || list[j].LastUpdated.Equal(list[i].LastUpdated)) {
			j++
		}
		part := list[i:j]
		r.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
		i = j
	}
}

// nextQuery returns the query of the next link, if there is a next page.
func (s *Server) nextQuery(res result) ([]pair, bool) {
	if !res.more || len(res.page) == 0 {
		return nil, false
	}
	last := res.page[len(res.page)-1]
	offset := res.at.Offset + len(res.page)
	beside := func(p pair) []pair { return append(slices.Clone(res.query.used), p) }
	switch paging := s.o.Behaviour.Paging; {
	case paging == Stored:
		name := res.at
		name.Offset = 0
		return []pair{
			{storedParameter, name.String()}, {storedOffsetParameter, strconv.Itoa(offset)},
			{"_count", strconv.Itoa(res.query.count)},
		}, true
	case paging == Keyset && res.query.byTime && res.query.query.Order == archive.Oldest:
		key := cursor{Path: res.at.Path}.after(last)
		return beside(pair{keysetParameter, key.String()}), true
	case paging == Offset || paging == Keyset:
		return beside(pair{offsetParameter, strconv.Itoa(offset)}), true
	default:
		return []pair{{pageParameter, res.at.after(last).String()}}, true
	}
}

// selfQuery returns the part of the query that the server honoured, or all of it.
func (s *Server) selfQuery(res result) []pair {
	if s.o.Behaviour.EchoesSelf {
		return res.query.sent
	}
	return append(slices.Clone(res.query.used), res.at.asked...)
}
