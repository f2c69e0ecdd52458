package fhir

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// maxFiles is how many files are fetched for one document.
const maxFiles = 8

// A file is what came of fetching what an attachment points to.
type file struct {
	data        []byte
	contentType string // as it was served; empty: not said
	binary      []byte // the Binary that it came in; nil: it came as it is
	context     string // the record by which it may be read, as the server said beside it
	wrong       string // why there is none, for operators; empty: there is
}

// fileURL returns where the file is that v, an Attachment, points to: a Binary of the source's, or
// below a prefix that the configuration names. Credentials go along, so nothing else is asked for.
// Behind a proxy a server may not know whether it is reached by http or https.
func (m *mapper) fileURL(v value) (string, bool) {
	s := v.get("url").str()
	u, err := url.Parse(s)
	if err != nil || s == "" || u.Opaque != "" || u.User != nil || len(s) > maxLink {
		return "", false
	}
	base := m.reach.base
	if u.Host == "" && strings.HasPrefix(u.Path, "/Binary/") {
		u.Path = strings.TrimPrefix(u.Path, "/") // of the base, not of the host
	}
	if u.Host != "" && u.Scheme != "" && strings.EqualFold(hostPort(u, base.Scheme), hostPort(base, base.Scheme)) {
		u.Scheme, u.Host = base.Scheme, base.Host
	}
	u = base.ResolveReference(u)
	u.Fragment, u.RawFragment = "", ""
	if !m.reach.isBinary(u) && !m.reach.underPrefix(u) {
		return "", false
	}
	return u.String(), true
}

// file returns what was fetched from u. What was not yet is wanted: then the
// resource is to be mapped again, with it.
func (r *resource) file(u string) file {
	if f, ok := r.files[u]; ok {
		return f
	}
	if len(r.wanted) == maxFiles {
		return file{wrong: "one of too many files"}
	}
	if !slices.Contains(r.wanted, u) {
		r.wanted = append(r.wanted, u)
	}
	return file{wrong: "the file was not fetched"}
}

// unfinished is an item that cannot be mapped without the files that it wants.
type unfinished struct {
	item   *dossier.Item
	raw    []byte
	wanted []string
}

// wants returns what it, which r was just mapped to, still needs.
func wants(r *resource, it *dossier.Item, raw []byte) (unfinished, bool) {
	needs := len(r.wanted) > 0 && (it.State == dossier.StateShown || it.EnvelopeRead)
	return unfinished{it, raw, slices.Clone(r.wanted)}, needs
}

// finish fetches what items of the type want, and maps them again. A file that
// cannot be had is its item's misfortune, and only where the whole source cannot be
// asked it is the call's. The files of one call together are no larger than one
// answer may be.
func (s *Source) finish(ctx context.Context, t source.Type, all []unfinished) error {
	var spent atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(s.client.slots))
	for _, one := range all {
		g.Go(func() error {
			r := &resource{limits: s.limits, files: make(map[string]file, len(one.wanted))}
			for _, u := range one.wanted {
				if spent.Load() > s.limits.Response {
					r.files[u] = file{wrong: "the files of one page are larger together than the limit on answers"}
					continue
				}
				f, err := s.fetch(ctx, u)
				if err != nil {
					return err
				}
				spent.Add(int64(len(f.data)))
				r.files[u] = f
			}
			*one.item = s.mapper.item(r, t, one.raw, false)
			return nil
		})
	}
	return g.Wait()
}

// fetch fetches the file at u.
func (s *Source) fetch(ctx context.Context, u string) (file, error) {
	where, err := url.Parse(u)
	if err != nil {
		return file{}, err
	}
	ans, err := s.client.get(ctx, request{act: "read Binary", kind: "Binary", url: where, file: true})
	f, failed := errors.AsType[*source.Failure](err)
	switch {
	case failed && f.Kind != source.Throttled && f.Kind != source.BreakerOpen:
		g := *f
		g.Act = "the file cannot be fetched"
		return file{wrong: g.Error()}, nil
	case err != nil:
		return file{}, err
	}
	opened := openFile(ans.body, ans.header.Get("Content-Type"), s.limits)
	opened.context = ans.header.Get("X-Security-Context") // FHIR R4 §2.40.4: of a file that came as it is
	return opened, nil
}

// openFile takes a file out of the Binary that a server may have sent it in (FHIR
// R4, Binary §2.40.4).
func openFile(body []byte, contentType string, limits Limits) file {
	media, _, _ := mime.ParseMediaType(contentType)
	if !strings.Contains(media, "json") {
		return file{data: body, contentType: contentType}
	}
	r := resource{limits: limits}
	whole := bytes.TrimPrefix(body, byteOrderMark)
	if r.load(whole) != nil {
		return file{data: body, contentType: contentType}
	}
	switch r.get("resourceType").str() {
	case "Binary":
	case "OperationOutcome":
		return file{wrong: "an OperationOutcome instead of the file"}
	default:
		return file{data: body, contentType: contentType}
	}
	written := r.get("data")
	if !written.ok() {
		written = r.get("content") // before R4
	}
	data, ok := decodeBase64(written.str())
	kind := r.get("contentType").str()
	if !ok || r.failed != nil {
		return file{wrong: "the file's Binary cannot be read"}
	}
	return file{data: data, contentType: kind, binary: whole}
}
