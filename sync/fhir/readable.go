package fhir

import (
	"html"
	"regexp"
	"strings"

	xhtml "golang.org/x/net/html"
)

// readable returns the words of s, which is said to be plain text, without the markup that it holds
// all the same. What could be ordinary prose ("a < b > c") stays as it is: it takes a pair of known
// tags, a line break, or a tag with an attribute; or an entity. Where there are only tags within
// lines, a < or & that is not escaped says that it is no HTML.
func readable(s string) (string, plain) {
	if !strings.ContainsAny(s, "<&") {
		return s, ""
	}
	if marked, isMarkup := asMarkup(s); isMarkup {
		root, wrong := parseHTML(marked, false)
		if wrong != "" {
			return "", wrong
		}
		text, wrong := textOfTree(root)
		if text != "" || wrong != "" || !isWordy(s) {
			return unescaped(text), wrong
		}
	}
	return unescaped(s), ""
}

// isWholeHTML reports whether s, whatever it is said to be, is an HTML document.
func isWholeHTML(s string) bool {
	head := strings.ToLower(strings.TrimLeft(s[:min(len(s), 200)], " \t\r\n\ufeff"))
	return strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html")
}

var entity = regexp.MustCompile(`&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`)

// unescaped returns s with its entities decoded.
func unescaped(s string) string {
	if strings.IndexByte(s, '&') < 0 {
		return s
	}
	return entity.ReplaceAllStringFunc(s, html.UnescapeString)
}

// commonTags are the elements that may occur in what people, or their editors, call text.
var commonTags = setOf(`a abbr address article b big blockquote body br caption center cite code col colgroup dd del
	div dl dt em fieldset figure font form h1 h2 h3 h4 h5 h6 head header hr html i img input ins
	kbd label li main mark menu meta nobr ol optgroup option p paragraph pre q s samp section
	select small span strike strong style sub sup table tbody td textarea tfoot th thead title tr
	tt u ul var wbr list item content linkhtml rendermultimedia footnote html script noscript
	iframe object template footer nav aside details summary dialog figcaption hgroup ruby rt rp xml
	button output time data bdi bdo`)

// inlineTags leave the line breaks of the text around them as they are.
var inlineTags = setOf(`a abbr b big cite code del em font i ins kbd label mark nobr q s samp small span strike strong
	sub sup tt u var`)

// prefixed matches the name of an element with a prefix, such as Word's o:p; no URL is one.
var prefixed = regexp.MustCompile(`^[a-z][a-z0-9]{0,7}:[a-z][a-z0-9._-]*$`)

// wholeTag matches a start tag that is written as HTML has it; "a<b =>" is none.
var wholeTag = regexp.MustCompile(`(?s)^<[A-Za-z][^\s<>/="']*(?:\s+[A-Za-z_:][^\s<>/="']*(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))?)*\s*/?>$`)

// isTag reports whether name is that of an element which occurs in what is called text.
func isTag(name string) bool {
	return commonTags[name] || strings.Contains(name, ":") && prefixed.MatchString(name)
}

// asMarkup returns s as HTML that a parser can read, if it clearly is HTML: with what only looks
// like a tag escaped, and with its line breaks where its tags have none.
func asMarkup(s string) (marked string, isMarkup bool) {
	var out strings.Builder
	open := make(map[string]int)
	certain, inline, loose := false, true, false
	z := xhtml.NewTokenizer(strings.NewReader(s))
	done := 0
	for {
		kind := z.Next()
		raw := string(z.Raw())
		if kind == xhtml.ErrorToken {
			out.WriteString(html.EscapeString(s[done:])) // an unfinished tag, if anything
			break
		}
		done += len(raw)
		known := kind == xhtml.TextToken || kind == xhtml.DoctypeToken || strings.HasPrefix(raw, "<!--") ||
			strings.HasPrefix(raw, "<![") || strings.HasPrefix(raw, "<?xml")
		switch kind {
		case xhtml.TextToken:
			loose = loose || strings.ContainsAny(entity.ReplaceAllString(raw, ""), "<&")
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			name := tagName(raw, 1)
			whole := wholeTag.MatchString(raw)
			known = isTag(name) && (whole || strings.IndexByte(raw[1:], '<') < 0)
			open[name]++
			inline = inline && (!known || inlineTags[name] || rawElements[name])
			certain = certain || known && (voidElements[name] || whole && strings.Contains(raw, "=") || kind == xhtml.SelfClosingTagToken)
		case xhtml.EndTagToken:
			name := tagName(raw, 2)
			known = isTag(name)
			if open[name] > 0 {
				open[name]--
				certain = certain || known
			}
		}
		if !known {
			raw = html.EscapeString(raw)
		}
		out.WriteString(raw)
	}
	if marked = out.String(); inline {
		marked = strings.ReplaceAll(breaks(marked), "\n", "<br>")
	}
	return marked, certain && (!inline || !loose)
}
