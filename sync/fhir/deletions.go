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

var _ source.Changes = (*Source)(nil)

// A feed is how a server tells what was deleted.
type feed uint8

const (
	feedHistory feed = 1 + iota // the history of a type (FHIR R4 §3.1.0.11)
	feedSearch                  // _deleted=true, as Medplum has it
)

// Deleted implements [source.Changes]. Which way the server has is found out once;
// one that can be mistaken is not taken: an answer to _deleted=true counts only if
// it says that it was searched so, and shows nothing of a record but who it was.
func (s *Source) Deleted(ctx context.Context, t source.Type, since time.Time, next string) (source.DeletedPage, error) {
	act := "read deletions of " + t.Name
	k, ok := kindNamed(t.Name)
	if !ok {
		return source.DeletedPage{}, &source.Failure{Kind: source.Unsupported, Act: act}
	}
	for _, f := range s.learned.feeds(k.name) {
		p, err := s.deletions(ctx, act, k, f, since, next)
		if source.KindOf(err) == source.Unsupported {
			continue
		}
		if err == nil && f == feedSearch && next == "" && !s.learned.hasListed(k.name) {
			var obeyed bool
			obeyed, err = s.obeysDeleted(ctx, act, k, len(p.Deletions) > 0)
			if !obeyed && source.KindOf(err) != source.Unsupported {
				return p, ctx.Err() // it is not known yet, and the next call asks again
			}
		}
		if source.KindOf(err) == source.Unsupported {
			continue
		}
		if err == nil {
			s.learned.tells(k.name, f)
		}
		return p, err
	}
	s.learned.tells(k.name, 0)
	return source.DeletedPage{}, &source.Failure{Kind: source.Unsupported, Act: act}
}

// obeysDeleted reports whether the source is known to obey _deleted=true for the type. An empty
// answer does not show it: a source that ignores the parameter gives one where nothing has changed,
// and may repeat the parameter in its self link (node-fhir-server-core). So it is asked for one
// deletion of any time, which shows a whole record where the parameter is ignored: that is a Failure
// of kind Unsupported. Without deletions, a record that exists and is not shown proves it.
func (s *Source) obeysDeleted(ctx context.Context, act string, k *kindOfResource, listed bool) (bool, error) {
	if !listed {
		p, err := s.deletions(ctx, act, k, feedSearch, time.Time{}, "")
		if err != nil {
			return false, err
		}
		listed = len(p.Deletions) > 0
	}
	if !listed {
		if n, err := s.Count(ctx, k.name, time.Time{}); err != nil || n == 0 {
			return false, nil
		}
	}
	s.learned.listed(k.name)
	return true, nil
}

// deletions fetches one page from f. Where a page is too large the list begins
// anew, with smaller pages.
func (s *Source) deletions(ctx context.Context, act string, k *kindOfResource, f feed, since time.Time, next string) (source.DeletedPage, error) {
	for {
		size := s.learned.pageSize(k.name, s.pageSize)
		req := request{act: act, kind: k.name, url: s.deletionsURL(k, f, since, size), list: true}
		missing := source.Unsupported
		if next != "" {
			u, err := s.follow(next)
			if err != nil {
				return source.DeletedPage{}, &source.Failure{Kind: source.Invalid, Act: act, Err: err}
			}
			req.url, missing = u, source.Expired
		}
		req.strict = f == feedSearch && next == "" && s.learned.known()&withStrict == 0
		ans, err := s.client.get(ctx, req)
		if req.strict && status(err) == http.StatusBadRequest {
			req.strict = false
			ans, err = s.client.get(ctx, req)
		}
		if errors.Is(err, errTooLarge) && s.learned.shrink(k.name, size) {
			next = ""
			continue
		}
		if err != nil {
			return source.DeletedPage{}, notFoundIs(missing, err)
		}
		return s.deletedPage(act, k, f, req.url, next != "", ans)
	}
}

func (s *Source) deletionsURL(k *kindOfResource, f feed, since time.Time, size int) *url.URL {
	params := url.Values{"_count": {strconv.Itoa(size)}}
	if f == feedHistory {
		params.Set("_since", instant(since))
		u := s.base.JoinPath(k.name, "_history")
		u.RawQuery = params.Encode()
		return u
	}
	params.Set("_deleted", "true")
	if !since.IsZero() {
		params.Set("_lastUpdated", "ge"+instant(since))
	}
	params.Set("_sort", "_lastUpdated")
	u := s.base.JoinPath(k.name)
	u.RawQuery = params.Encode()
	return u
}

// deletedPage reads the answer to a request for u, which is a later page or not.
func (s *Source) deletedPage(act string, k *kindOfResource, f feed, u *url.URL, later bool, ans response) (source.DeletedPage, error) {
	if ans.noBundle != nil {
		return source.DeletedPage{}, invalid(act, ans, ans.noBundle)
	}
	b := ans.bundle
	p := source.DeletedPage{Bytes: ans.wire}
	var ok bool
	if f == feedHistory {
		p.Deletions, ok = s.mapper.deletedInHistory(k, b.entries), b.kind == "history"
	} else {
		p.Deletions, ok = s.mapper.deletedInSearch(k, b.entries)
		ok = ok && (later || b.self != nil && b.self.Query().Has("_deleted"))
	}
	if !ok {
		return source.DeletedPage{}, &source.Failure{Kind: source.Unsupported, Act: act, Status: ans.status}
	}
	if b.next != "" {
		next, err := s.follow(b.next)
		if err == nil && next.String() == u.String() {
			err = plain("the link to the next page leads to the same page")
		}
		if err != nil {
			return source.DeletedPage{}, invalid(act, ans, err)
		}
		p.Next = next.String()
	}
	return p, nil
}

// deletedInHistory returns the records whose newest entry is a deletion. Entries
// come newest first, and that decides where they do not say when they are from.
func (m *mapper) deletedInHistory(k *kindOfResource, all []entry) []source.Deletion {
	type version struct {
		at      time.Time
		deleted bool
	}
	newest := make(map[string]version)
	var order []string
	r := &resource{limits: m.limits}
	for _, e := range all {
		if r.load(e.raw) != nil {
			continue
		}
		sent := r.get("request")
		ref := m.resolve(strings.TrimPrefix(sent.get("url").str(), "/"))
		if ref.IsZero() || ref.Type != k.name {
			ref = m.resolve(e.fullURL)
		}
		if ref.Type != k.name {
			continue
		}
		came := r.get("response")
		// Some servers list a deletion as a request for the version that is gone (Medplum).
		gone := sent.get("method").str() == http.MethodDelete || strings.HasPrefix(came.get("status").str(), "410")
		v := version{m.moment(came.get("lastModified")).Time, gone}
		was, again := newest[ref.ID]
		if !again {
			order = append(order, ref.ID)
		}
		if !again || v.at.After(was.at) {
			newest[ref.ID] = v
		}
	}
	var deleted []source.Deletion
	for _, id := range order {
		if v := newest[id]; v.deleted {
			deleted = append(deleted, source.Deletion{Ref: dossier.Ref{Type: k.name, ID: id}, At: v.at})
		}
	}
	return deleted
}

// deletedInSearch returns the records that a search for what was deleted found. It
// is not ok if one of them is there after all: it says more than who it is.
func (m *mapper) deletedInSearch(k *kindOfResource, all []entry) (deleted []source.Deletion, ok bool) {
	r := &resource{limits: m.limits}
	for _, e := range all {
		if e.resource == nil || r.load(e.resource) != nil {
			continue
		}
		id := r.get("id").str()
		if r.get("resourceType").str() != k.name || !isID(id) {
			continue // a remark of the server's
		}
		for _, f := range r.fields {
			switch string(f.name.of(r.raw)) {
			case "resourceType", "id", "meta":
			default:
				return nil, false
			}
		}
		at := m.moment(r.get("meta").get("lastUpdated")).Time
		deleted = append(deleted, source.Deletion{Ref: dossier.Ref{Type: k.name, ID: id}, At: at})
	}
	return deleted, true
}
