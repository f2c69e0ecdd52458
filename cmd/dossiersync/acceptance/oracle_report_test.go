package acceptance

import (
	"crypto/sha1" // FHIR R4 has it for Attachment.hash
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dossiersync/store/dossier"
)

// reportView is a report as a person reads it.
type reportView struct {
	timeView
	Category, Title, Text, Author string
	CorrectedAt, RecordedAt       string
	Plan, Goal                    string // titles, if shown
	Attachments                   []string

	client string
}

// maxTextLength is in characters.
const maxTextLength = 1 << 20

func (o *oracle) reports(clients map[string]*shownDossier) {
	replaced := make(map[string]bool)
	for typ, read := range map[string]func(resource) (reportView, bool){
		"Observation": o.observation, "DocumentReference": o.document, "Composition": o.composition,
	} {
		for key, x := range o.of(typ) {
			d := ownerOf(clients, x, "subject")
			if d == nil || !isForClients(x) {
				continue
			}
			v, ok := read(x)
			if !ok && !o.unavailable[key] {
				continue
			}
			v.client = x.text("subject", "reference")
			if ok {
				d.Reports[key] = v
			}
			for _, r := range x.parts("relatesTo") {
				old := r.text("target", "reference") + r.text("targetReference", "reference")
				if r.text("code") != "replaces" || o.all[old].text("subject", "reference") != v.client {
					continue
				}
				oldType, oldID, _ := strings.Cut(old, "/")
				oldKey := dossier.Key("amaris", dossier.Ref{Type: oldType, ID: oldID})
				if o.unavailable[key] {
					o.unavailable[oldKey] = true
				} else {
					replaced[oldKey] = true
				}
			}
		}
	}
	for key := range replaced {
		for _, d := range clients {
			delete(d.Reports, key)
		}
	}
}

func (o *oracle) observation(x resource) (v reportView, ok bool) {
	if !isReport(x.part("code")) || !slices.Contains([]string{"final", "amended", "corrected"}, x.text("status")) {
		return v, false
	}
	v.Text = x.text("valueString")
	for _, n := range x.parts("note") {
		v.Text += " " + n.text("text")
	}
	if strings.TrimSpace(v.Text) == "" {
		v.Text = htmlText(x.text("text", "div"))
	}
	v.Title, v.RecordedAt = conceptText(x.part("code")), o.formatted(x.text("issued"))
	if x.text("status") != "final" {
		v.CorrectedAt = o.formatted(x.text("meta", "lastUpdated"))
	}
	o.link(x, &v, "basedOn", "focus")
	return o.dated(x, v, "performer", x.text("effectiveDateTime"), x.text("effectivePeriod", "start"),
		x.text("effectivePeriod", "end"), x.text("issued"))
}

func (o *oracle) composition(x resource) (v reportView, ok bool) {
	if !isReport(x.part("type")) || !slices.Contains([]string{"final", "amended"}, x.text("status")) {
		return v, false
	}
	for _, s := range x.parts("section") {
		if text := htmlText(s.text("text", "div")); strings.TrimSpace(text) != "" {
			v.Text += s.text("title") + " " + text + " "
		}
	}
	v.Title = x.text("title")
	if x.text("status") == "amended" {
		v.CorrectedAt = o.formatted(x.text("meta", "lastUpdated"))
	}
	o.link(x, &v)
	return o.dated(x, v, "author", x.text("date"))
}

func (o *oracle) document(x resource) (v reportView, ok bool) {
	if x.text("status") != "current" || !slices.Contains([]string{"", "final", "amended"}, x.text("docStatus")) {
		return v, false
	}
	v.Title = x.text("description")
	if v.Title == "" {
		v.Title = conceptText(x.part("type"))
	}
	if x.text("docStatus") == "amended" {
		v.CorrectedAt = o.formatted(x.text("meta", "lastUpdated"))
	}
	byKind := make(map[string]string) // plain or html
	for _, c := range x.parts("content") {
		a := c.part("attachment")
		kind, text, wrong := o.file(a)
		switch {
		case wrong:
			o.unavailable[dossier.Key("amaris", dossier.Ref{Type: "DocumentReference", ID: x.text("id")})] = true
			return v, false
		case kind == "":
			v.Attachments = append(v.Attachments, a.text("title")+" ("+a.text("contentType")+")")
		default:
			byKind[kind] += text
		}
	}
	v.Text = byKind["text/plain"]
	if v.Text == "" {
		v.Text = htmlText(byKind["text/html"])
	}
	o.link(x, &v, "context.related")
	start := x.part("context").text("period", "start")
	if start != "" && start != x.text("date") {
		v.RecordedAt = o.formatted(x.text("date"))
	}
	v, ok = o.dated(x, v, "author", start, x.text("date"))
	return v, ok || len(v.Attachments) > 0
}

// dated adds what all reports have, and reports whether there is text.
func (o *oracle) dated(x resource, v reportView, by string, at ...string) (reportView, bool) {
	if !isReadable(v.Text) || len(v.Text) > maxTextLength && utf8.RuneCountInString(v.Text) > maxTextLength {
		return v, false
	}
	var ok bool
	if v.timeView, ok = o.timeOf(append(at, x.text("meta", "lastUpdated"))...); !ok {
		return v, false
	}
	v.Text = withoutLayout(v.Text)
	v.Author = o.author(x, x.parts(by)...)
	return v, v.Text != ""
}

func isReport(x resource) bool {
	return slices.ContainsFunc(x.parts("coding"), func(c resource) bool { return c.text("code") == "11591000146107" })
}

// link sets the category, and the references to a plan and a goal. plans resolves these.
func (o *oracle) link(x resource, v *reportView, members ...string) {
	v.Category = "general"
	for _, member := range members {
		from := x
		if outer, inner, nested := strings.Cut(member, "."); nested {
			from, member = x.part(outer), inner
		}
		for _, ref := range from.parts(member) {
			typ, _, _ := strings.Cut(ref.text("reference"), "/")
			switch {
			case typ == "CarePlan" && v.Plan == "":
				v.Plan = ref.text("reference")
			case typ == "Goal" && v.Goal == "":
				v.Goal = ref.text("reference")
			default:
				continue
			}
			v.Category = "care-plan"
		}
	}
	if slices.ContainsFunc(x.part("meta").parts("tag"),
		func(c resource) bool { return c.text("code") == "zorgleefplan" }) {
		v.Category = "care-plan"
	}
}

// file returns the text of an attachment and its kind, text/plain or text/html; kind is ""
// for other attachments. A text that cannot be had or does not match its hash, size or type
// is wrong.
func (o *oracle) file(a resource) (kind, text string, wrong bool) {
	kind, charset, _ := strings.Cut(a.text("contentType"), ";")
	if kind != "text/plain" && kind != "text/html" {
		return "", "", false
	}
	data, given := a["data"].(string)
	if !given && a.text("url") == "" && a.text("size") == "0" {
		return kind, "", false
	}
	if !given {
		url := a.text("url")
		if !strings.HasPrefix(url, "Binary/") {
			return "", "", false // on another host
		}
		binary := o.all[url]
		if data, given = binary["data"].(string); !given || binary.text("contentType") != kind {
			return kind, "", true
		}
	}
	b, ok := decodeBase64(data)
	if size := a.text("size"); !ok || size != "" && size != strconv.Itoa(len(b)) {
		return kind, "", true
	}
	sum := sha1.Sum(b)
	if hash := a.text("hash"); hash != "" && hash != base64.StdEncoding.EncodeToString(sum[:]) {
		return kind, "", true
	}
	if strings.Contains(charset, "8859-1") {
		var latin []rune
		for _, c := range b {
			latin = append(latin, rune(c))
		}
		return kind, string(latin), false
	}
	return kind, string(b), !utf8.Valid(b)
}
