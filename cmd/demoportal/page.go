package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"dossiersync/portalapi/client"
)

//go:embed templates assets
var files embed.FS

// page is what a template draws.
type page struct {
	Title    string
	Sample   bool // the page says that this is a sample
	Session  *session
	CSRF     string
	Org      organisation
	Dossiers []client.Dossier
	Dossier  *client.Dossier // nil: a page of no dossier
	Head     head
	Here     string // the current entry of the menu
	Fresh    *client.Freshness
	Notice   string // about the previous action
	Body     any
}

// head is what the API says of a dossier that does not change during a visit.
type head struct {
	Organisation string
	Zone         *time.Location
	Labels       map[string]string
}

// Label returns the organisation's word for a part or a category.
func (p page) Label(code string) string {
	if l := p.Head.Labels[code]; l != "" {
		return l
	}
	return code
}

// Has reports whether the reader may see a part.
func (p page) Has(part string) bool {
	if p.Dossier == nil {
		return false
	}
	for _, has := range p.Dossier.Parts {
		if string(has) == part {
			return true
		}
	}
	return false
}

// At returns the URL of a page of the open dossier.
func (p page) At(rest string) string { return "/d/" + p.Dossier.Client + rest }

// Client returns the client's name.
func (p page) Client() string { return clientName(*p.Dossier) }

// clientName returns the name of a dossier's client.
func clientName(d client.Dossier) string {
	if d.Name != nil {
		return *d.Name
	}
	return "Cliënt " + d.Client
}

var funcs = template.FuncMap{
	"asset": func(name string) (string, error) {
		if url := assetURLs[name]; url != "" {
			return url, nil
		}
		return "", fmt.Errorf("no asset %s", name)
	},
	"icon": icon,
	"date": date, "day": dayOf, "month": monthOf, "clock": clock, "moment": moment, "noteMoment": noteMoment,
	"fhirDate": fhirDate, "period": period, "count": count, "size": size, "initials": initials, "upper": upper,
	"text": text, "clientName": clientName, "late": late, "category": func(c *client.Category) string { return text((*string)(c)) },
	"ymd":   func(t time.Time) string { return t.Format(time.DateOnly) },
	"iso":   func(t time.Time) string { return t.Format(time.RFC3339) },
	"parts": func() []string { return []string{"reports", "forms", "care-plans"} },
	"dict": func(pairs ...any) map[string]any {
		m := make(map[string]any)
		for i := 0; i+1 < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	},
}

var templates = parseTemplates()

// parseTemplates returns the templates of all pages, each with the frame and the shared pieces.
func parseTemplates() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(funcs).ParseFS(files, "templates/frame.html", "templates/pieces.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is right
	}
	list := make(map[string]*template.Template)
	for _, name := range names {
		list[strings.TrimSuffix(path.Base(name), ".html")] = template.Must(template.Must(shared.Clone()).ParseFS(files, name))
	}
	return list
}

// draw returns a page, or only a piece of it: frame is "page", or a template that the page defines.
func (p page) draw(name, frame string) ([]byte, error) {
	var b bytes.Buffer
	if err := templates[name].ExecuteTemplate(&b, frame, p); err != nil {
		return nil, fmt.Errorf("draw the page %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// asset is a file that pages load.
type asset struct {
	media string
	body  []byte
}

var media = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".woff2": "font/woff2",
}

// assets has the files by URL, and assetURLs the URLs by name. A URL has a hash of the file, so that
// browsers may keep it. The style names its fonts by their URLs.
var assets, assetURLs = readAssets()

func readAssets() (map[string]asset, map[string]string) {
	byURL, urls := make(map[string]asset), make(map[string]string)
	for _, kinds := range []string{".woff2 .svg .js", ".css"} {
		names, err := fs.Glob(files, "assets/*")
		if err != nil {
			panic(err) // the pattern is right
		}
		for _, name := range names {
			ext := path.Ext(name)
			if ext == "" || !strings.Contains(kinds, ext) {
				continue
			}
			body, err := files.ReadFile(name)
			if err != nil {
				panic(err) // the files are part of the program
			}
			if ext == ".css" {
				for font, url := range urls {
					body = bytes.ReplaceAll(body, []byte("url("+font+")"), []byte("url("+url+")"))
				}
			}
			sum := sha256.Sum256(body)
			base := path.Base(name)
			url := "/assets/" + strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:6]) + ext
			byURL[url], urls[base] = asset{media[ext], body}, url
		}
	}
	return byURL, urls
}
