package fhir

import (
	"net/url"
	"strings"

	"dossiersync/store/dossier"
)

// A target is what a FHIR Reference points to, as far as it can be known
// without asking.
type target struct {
	dossier.Ref        // zero where the reference is to another server, conditional, logical or nothing
	inside      string // the id of a contained resource
	kind        string // the resource type, if the reference tells; also where Ref is zero
	display     string
}

// reference reads v, a Reference. Under the source's own base an absolute
// reference is as good as a relative one.
func (m *mapper) reference(v value) target {
	t := target{display: dutchLine(v.get("display")), kind: v.get("type").str()}
	s := v.get("reference").str()
	if inside, ok := strings.CutPrefix(strings.TrimSpace(s), "#"); ok {
		t.inside = strings.TrimSpace(inside[strings.LastIndexByte(inside, '/')+1:])
		if v.r.hides(t.inside) {
			t.display = "" // what may not be shown is not named either
		}
		return t
	}
	if t.Ref = m.resolve(s); t.Ref.IsZero() && s != "" {
		t.Ref = m.resolve(tidied(s))
	}
	if t.Type != "" {
		t.kind = t.Type
	}
	if t.ID != "" && v.r.hides(t.ID) { // a contained resource that is named as if it stood alone
		t.display = ""
	}
	return t
}

// tidied returns the reference s as it was surely meant: without blanks, dots, doubled slashes and
// what follows the id, and with the type in its own spelling.
func tidied(s string) string {
	s = strings.TrimSpace(visible(s))
	if i := strings.IndexAny(s, "?#|"); i >= 0 {
		s = s[:i]
	}
	scheme, path, ok := strings.Cut(s, "://")
	if !ok {
		scheme, path = "", s
	}
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part == "_history" {
			break
		}
		for _, stream := range dossier.Streams() {
			for _, name := range stream.Types() {
				if strings.EqualFold(part, name) {
					part = name
				}
			}
		}
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	if path = strings.Join(parts, "/"); ok {
		return scheme + "://" + path
	}
	return path
}

// resolve returns the record that the reference s names, or nothing.
func (m *mapper) resolve(s string) dossier.Ref {
	if i := strings.Index(s, "://"); i >= 0 || strings.HasPrefix(s, "urn:") {
		rest, ok := underBase(m.base, s)
		for i := 0; !ok && i < len(m.aliases); i++ {
			rest, ok = underBase(m.aliases[i], s)
		}
		if !ok {
			return dossier.Ref{}
		}
		s = rest
	}
	s = m.withoutBase(s)
	s, _, _ = strings.Cut(s, "/_history/")
	name, id, ok := strings.Cut(s, "/")
	if !ok || !isTypeName(name) || !isID(id) {
		return dossier.Ref{}
	}
	return dossier.Ref{Type: name, ID: id}
}

// withoutBase returns s, a relative reference, without the slash that some write before it, and
// without the base's path.
func (m *mapper) withoutBase(s string) string {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok || m.base == nil {
		return rest
	}
	if path := strings.Trim(m.base.Path, "/"); path != "" {
		rest = strings.TrimPrefix(rest, path+"/")
	}
	return rest
}

// underBase returns what follows base in the URL s. Whether that says http or
// https makes no difference: behind a proxy a server may not know it.
func underBase(base *url.URL, s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || base == nil || !strings.EqualFold(hostPort(u, base.Scheme), hostPort(base, base.Scheme)) {
		return "", false
	}
	return strings.CutPrefix(u.EscapedPath(), strings.TrimSuffix(base.EscapedPath(), "/")+"/")
}

// hostPort returns u's host without the port that scheme has anyway.
func hostPort(u *url.URL, scheme string) string {
	port := u.Port()
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	if port == "" {
		return u.Hostname()
	}
	return u.Hostname() + ":" + port
}

// isID reports whether s is a FHIR id (FHIR R4 §2.24.0.1).
func isID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (c < '0' || '9' < c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// isTypeName reports whether s could be the name of a resource type.
func isTypeName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'A' || 'Z' < s[0] {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// pulled returns the record that v, a Reference, names, if its type is pulled.
func (m *mapper) pulled(v value) dossier.Ref {
	ref := m.reference(v).Ref
	if _, ok := dossier.StreamOf(ref.Type); !ok {
		return dossier.Ref{}
	}
	return ref
}

// refs returns the records of the given type that v, a list of Reference, names.
func (m *mapper) refs(v value, kind string) []dossier.Ref {
	var refs []dossier.Ref
	for _, e := range v.each() {
		if t := m.reference(e); t.Type == kind {
			refs = append(refs, t.Ref)
		}
	}
	return refs
}
