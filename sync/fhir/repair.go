package fhir

import (
	"html"
	"regexp"
	"strings"
	"unicode"

	xhtml "golang.org/x/net/html"
)

// maxRepairs is how often one document is mended: each time it is read on from there.
const maxRepairs = 200

// repair returns src, HTML, changed where a browser would lose words that the writer surely meant
// to be read:
//
//   - an element of raw text (title, style …) that does not end, or ends after the document's
//     head, ends before the first tag in it;
//   - a tag that ends in itself (<div/>, <script/>) is an element without content, as in XHTML;
//   - an attribute whose closing quote is missing ends with its tag;
//   - parts of a table without a table, and a second document in the same text, begin a new line;
//   - of XHTML, a CDATA section is text.
//
// Where what was meant cannot be known the second result says what is wrong.
func repair(src string, isXHTML bool) (string, plain) {
	r := repairer{
		src: src, xhtml: isXHTML,
		lastSelect: lastIndexFold(src, "</select"), styled: indexFold(src, "<style") >= 0,
	}
	for !r.done {
		if r.rounds++; r.rounds > maxRepairs {
			return "", "its markup is broken in too many places"
		}
		if wrong := r.round(); wrong != "" {
			return "", wrong
		}
	}
	return r.out.String(), ""
}

type repairer struct {
	src    string
	at     int // what lies before is written already
	out    strings.Builder
	xhtml  bool
	rounds int
	done   bool
	tables int  // how many are open
	chosen int  // how many select elements are open
	words  bool // some text was written

	styled     bool // it has style sheets, so that a class may hide
	lastSelect int  // where the last end tag of a select begins; -1: there is none
}

// round copies tokens until one needs mending; that ends the round, because the tokenizer has to
// begin anew behind it.
func (r *repairer) round() plain {
	z := xhtml.NewTokenizer(strings.NewReader(r.src[r.at:]))
	for {
		kind := z.Next()
		raw := string(z.Raw())
		end := r.at + len(raw)
		switch kind {
		case xhtml.ErrorToken:
			return r.unfinished()
		case xhtml.TextToken:
			r.words = r.words || strings.TrimSpace(raw) != ""
		case xhtml.CommentToken:
			if again, wrong := r.comment(raw); again || wrong != "" {
				return wrong
			}
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			if name := tagName(raw, 1); strings.Contains(name, "@") || strings.HasSuffix(name, ":") {
				r.out.WriteString(html.EscapeString(raw)) // an address, or https: no element is called so
				r.at, r.words = end, true
				continue
			}
			if i := strings.IndexByte(raw[1:], '<'); i >= 0 && i < len(tagName(raw, 1)) {
				r.out.WriteString(html.EscapeString(raw[:i+1])) // "A<B</p>": less than
				r.at, r.words = r.at+i+1, true
				return ""
			}
			if isCut, hides := r.torn(z); isCut {
				return r.cutTag(raw, hides)
			}
			again, wrong := r.startTag(tagName(raw, 1), raw, end)
			if again || wrong != "" {
				return wrong
			}
			if tagName(raw, 1) == "noscript" {
				z.NextIsNotRawText() // scripts are off
			}
			r.at = end
			continue
		case xhtml.EndTagToken:
			r.endTag(tagName(raw, 2))
		}
		r.out.WriteString(raw)
		r.at = end
	}
}

// tagName returns the name in the tag raw, which begins at index i.
func tagName(raw string, i int) string {
	n := strings.IndexAny(raw[i:], " \t\r\n\f/>")
	if n < 0 {
		n = len(raw) - i
	}
	return strings.ToLower(raw[i : i+n])
}

// unfinished ends src, at whose end a tag may be open.
func (r *repairer) unfinished() plain {
	rest := r.src[r.at:]
	if len(rest) < 2 || rest[0] != '<' || !strings.ContainsFunc(rest, unicode.IsLetter) || !strings.Contains(rest, ">") {
		r.done = true
		return ""
	}
	lower := strings.ToLower(rest[:strings.IndexByte(rest, '>')])
	hides := strings.Contains(lower, "hidden") || strings.Contains(lower, "style") ||
		r.styled && strings.Contains(lower, "class")
	return r.cutTag(rest, hides)
}

// cutTag ends the tag at r.at with its first >. Where it may have said that what follows is hidden,
// that cannot be known.
func (r *repairer) cutTag(raw string, hides bool) plain {
	if hides {
		return "an attribute has no closing quote"
	}
	name := tagName(raw, 1)
	if strings.HasPrefix(raw, "</") {
		name = "/" + tagName(raw, 2)
	}
	r.out.WriteString("<" + name + ">")
	r.at += strings.IndexByte(raw, '>') + 1
	return ""
}

// torn reports whether an attribute of z's tag has swallowed other tags, so that what should be its
// closing quote stands in a name, and whether one of the attributes may hide the element.
func (r *repairer) torn(z *xhtml.Tokenizer) (isTorn, hides bool) {
	_, more := z.TagName()
	swallowed, quoted := false, false
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		k := string(key)
		hides = hides || k == "hidden" || k == "style" || k == "class" && r.styled
		quoted = quoted || strings.ContainsAny(k, `"'<`)
		if wordless[k] {
			s := string(value)
			gt := strings.IndexByte(s, '>')
			swallowed = swallowed || gt >= 0 && strings.Contains(s[gt:], "<")
		}
	}
	return swallowed && quoted, hides
}

// wordless are attributes in whose values no > belongs.
var wordless = setOf(`class id name href src align valign width height border cellpadding cellspacing lang dir rel
	target type color face size bgcolor`)

// comment mends a comment; again says that the round is over.
func (r *repairer) comment(raw string) (again bool, wrong plain) {
	if rest, ok := strings.CutPrefix(r.src[r.at:], "<![CDATA["); ok {
		text, _, ended := strings.Cut(rest, "]]>")
		before, _, cut := strings.Cut(text, ">")
		if !r.xhtml && (!ended || !cut || tagStart.MatchString(before)) {
			return false, "" // in HTML a comment up to the first >, unless that would cut a sentence in two
		}
		r.out.WriteString(html.EscapeString(text))
		r.words = true
		if r.at += len("<![CDATA[") + len(text) + len("]]>"); !ended {
			r.at = len(r.src)
		}
		return true, ""
	}
	ended := strings.HasSuffix(raw, "-->") || strings.HasSuffix(raw, "--!>")
	if strings.HasPrefix(raw, "<!--") && r.at+len(raw) == len(r.src) && !ended &&
		anyTag.MatchString(raw) && raw != "<!-->" && raw != "<!--->" {
		return false, "a comment has no end"
	}
	return false, ""
}

var (
	// anyTag is a tag of an element that holds text of a document.
	anyTag = regexp.MustCompile(`(?i)</?(head|body|html|p|div|table|tr|td|th|ul|ol|li|h[1-6]|br|hr|span` +
		`|b|i|u|strong|em|pre|section|article)[\s/>]`)
	tagStart = regexp.MustCompile(`<[/A-Za-z]`)
	// bodyTag is a tag that stands where a document's head has ended.
	bodyTag = regexp.MustCompile(`(?i)<(/head|body|/body|/html)[\s/>]`)
)

// rawElements hold text in which < begins no tag (HTML §13.2.5).
var rawElements = setOf("title textarea style xmp iframe noembed noframes script")

// startTag writes the start tag raw, which ends at index end; again says that the round is over.
func (r *repairer) startTag(name, raw string, end int) (again bool, wrong plain) {
	r.separate(name)
	switch {
	case r.endsInItself(name, raw):
		r.out.WriteString(strings.TrimRight(raw[:len(raw)-2], " ") + "></" + name + ">")
		r.at = end
		return rawElements[name], ""
	case rawElements[name]:
		return r.rawElement(name, raw, end)
	case name == "table":
		r.tables++
	case name == "select":
		r.chosen++
	}
	r.out.WriteString(raw)
	return false, ""
}

// endsInItself reports whether raw is a tag like <name/>, and not one whose last attribute value
// merely ends in a slash.
func (r *repairer) endsInItself(name, raw string) bool {
	if !strings.HasSuffix(raw, "/>") || voidElements[name] || name == "html" || name == "head" || name == "body" {
		return false
	}
	before := raw[:len(raw)-2]
	return len(before) == len(name)+1 || !strings.Contains(before, "=") ||
		strings.ContainsAny(before[len(before)-1:], "\"' \t\r\n")
}

// separate writes what keeps words apart around a tag that html.Parse ignores where it stands.
func (r *repairer) separate(name string) {
	switch name {
	case "td", "th":
		if r.tables == 0 {
			r.out.WriteString(" ")
		}
	case "tr", "caption", "thead", "tbody", "tfoot":
		if r.tables == 0 {
			r.out.WriteString("<br>")
		}
	case "html", "head", "body", "frameset", "frame":
		if r.words {
			r.out.WriteString("<br>")
		}
	case "option", "optgroup", "hr", "script", "template":
	default:
		// A select that is never closed would take all that follows for its options.
		if r.chosen > 0 && r.at > r.lastSelect {
			r.out.WriteString("</select>")
			r.chosen = 0
		}
	}
}

func (r *repairer) endTag(name string) {
	switch name {
	case "table":
		r.tables = max(r.tables-1, 0)
	case "select":
		r.chosen = max(r.chosen-1, 0)
	default:
		r.separate(name)
	}
}

// rawElement writes an element of raw text as far as it surely is one.
func (r *repairer) rawElement(name, raw string, end int) (again bool, wrong plain) {
	rest := r.src[end:]
	length, ended := rawLength(rest, name), true
	if length < 0 {
		length, ended = len(rest), false
	}
	stop := bodyTag
	if !ended {
		stop = anyTag
	}
	r.out.WriteString(raw)
	if name != "title" && name != "style" && ended {
		return false, ""
	}
	loc := stop.FindStringIndex(rest[:length])
	if loc == nil {
		if !ended {
			r.out.WriteString(rest + "</" + name + ">")
			r.at = len(r.src)
		}
		return !ended, ""
	}
	if name == "script" && hasWords(rest[loc[0]:]) {
		return false, "a script has no end"
	}
	r.out.WriteString(rest[:loc[0]] + "</" + name + ">")
	r.at = end + loc[0]
	return true, ""
}

// rawLength returns the length of the raw text that s begins with, up to the end tag of the
// element called name; -1 if there is none.
func rawLength(s, name string) int {
	for from := 0; ; {
		i := indexFold(s[from:], "</"+name)
		if i < 0 {
			return -1
		}
		i += from
		if after := i + 2 + len(name); after < len(s) && strings.IndexByte(" \t\r\n\f/>", s[after]) >= 0 {
			return i
		}
		from = i + 2
	}
}

// indexFold is strings.Index for an ASCII needle that begins with <, in any case of s.
func indexFold(s, needle string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], needle[0])
		if i < 0 || from+i+len(needle) > len(s) {
			return -1
		}
		if i += from; strings.EqualFold(s[i:i+len(needle)], needle) {
			return i
		}
		from = i + 1
	}
}

func lastIndexFold(s, needle string) int {
	last := -1
	for from := 0; ; {
		i := indexFold(s[from:], needle)
		if i < 0 {
			return last
		}
		last = from + i
		from = last + len(needle)
	}
}

// hasWords reports whether HTML that begins with a tag holds letters or digits outside its tags.
func hasWords(src string) bool {
	z := xhtml.NewTokenizer(strings.NewReader(src))
	for {
		switch z.Next() {
		case xhtml.ErrorToken:
			return false
		case xhtml.TextToken:
			if isWordy(string(z.Text())) {
				return true
			}
		}
	}
}

// isWordy reports whether s holds a letter or a digit.
func isWordy(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
