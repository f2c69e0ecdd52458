package fhir

import (
	"net/url"
	"strings"
)

// A reach is where a source may be asked: under its base URL, and under the prefixes that the
// configuration names beside it. Credentials go along with every request.
type reach struct {
	base     *url.URL   // with a slash at its end
	prefixes []*url.URL // on the same origin, with a slash at their end
}

// newReach returns the reach of o, whose base URL and prefixes are right.
func newReach(o Options) reach {
	r := reach{base: o.BaseURL.JoinPath("/")}
	for _, prefix := range o.AttachmentPrefixes {
		if u, fault := parsePrefix(o.BaseURL, prefix); fault == "" {
			r.prefixes = append(r.prefixes, u)
		}
	}
	return r
}

// parsePrefix reads one of AttachmentPrefixes, and returns what is wrong with it.
func parsePrefix(base *url.URL, prefix string) (*url.URL, plain) {
	u, err := url.Parse(prefix)
	switch {
	case err != nil || prefix == "":
		return nil, "not a URL"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil:
		return nil, "must have no user, query or fragment"
	}
	u = base.JoinPath("/").ResolveReference(u).JoinPath("/")
	switch {
	case !sameOrigin(u, base):
		return nil, "is on another origin (scheme, host or port) than the base URL"
	case !isStraight(u):
		return nil, "must not go up, nor have a slash or dot that is encoded"
	}
	return u, ""
}

// trouble returns why u may not be asked for; "" if it may.
func (r reach) trouble(u *url.URL) plain {
	switch {
	case !sameOrigin(u, r.base):
		return errOtherOrigin
	case !isStraight(u), !strings.HasPrefix(u.EscapedPath()+"/", r.base.EscapedPath()) && !r.underPrefix(u):
		return errOutside
	}
	return ""
}

// underPrefix reports whether u lies under one of the prefixes.
func (r reach) underPrefix(u *url.URL) bool {
	for _, prefix := range r.prefixes {
		if sameOrigin(u, prefix) && isStraight(u) && strings.HasPrefix(u.EscapedPath(), prefix.EscapedPath()) {
			return true
		}
	}
	return false
}

// isBinary reports whether u is a Binary under the base: {base}/Binary/{id}, or a version of it.
func (r reach) isBinary(u *url.URL) bool {
	rest, ok := strings.CutPrefix(u.EscapedPath(), r.base.EscapedPath())
	if !ok || !sameOrigin(u, r.base) || !isStraight(u) || u.RawQuery != "" || u.ForceQuery {
		return false
	}
	parts := strings.Split(rest, "/")
	switch {
	case len(parts) != 2 && len(parts) != 4, parts[0] != "Binary", !isID(parts[1]):
		return false
	case len(parts) == 4:
		return parts[2] == "_history" && isID(parts[3])
	}
	return true
}

// isStraight reports whether u's path means the same to every server: it does not go up, and has no
// slash, backslash or dot that is encoded, which some decode before they look.
func isStraight(u *url.URL) bool {
	escaped := strings.ToLower(u.EscapedPath())
	for _, trick := range [...]string{"%2e", "%2f", "%5c", "%25", "\\"} {
		if strings.Contains(escaped, trick) {
			return false
		}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}
