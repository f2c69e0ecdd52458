package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
)

//go:embed templates
var templateFiles embed.FS

// Page is one page: its frame and its content.
type Page struct {
	Title  string // the browser adds the program's name
	Here   string // the current entry of the menu: overview, quarantine, held, withheld, or empty
	User   string // who has logged in; empty: no users are configured, or nobody has logged in
	Notice string // about the previous action
	Body   any    // one of the types of view.go
}

var pages = parsePages()

// names has the names of the templates.
var names = []string{
	"overview", "tenant", "runs", "run", "quarantine", "item", "explain", "held", "heldset", "withheld", "why", "login", "failure",
}

func parsePages() map[string]*template.Template {
	base := template.New("base").Funcs(funcs)
	template.Must(base.ParseFS(templateFiles, "templates/base.html", "templates/parts.html"))
	list := make(map[string]*template.Template, len(names))
	for _, name := range names {
		list[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return list
}

// name returns the name of the page's template.
func (p *Page) name() string {
	switch p.Body.(type) {
	case Overview:
		return "overview"
	case TenantPage:
		return "tenant"
	case RunsPage:
		return "runs"
	case RunPage:
		return "run"
	case QuarantinePage:
		return "quarantine"
	case ItemPage:
		return "item"
	case ExplainPage:
		return "explain"
	case HeldPage:
		return "held"
	case HeldSetPage:
		return "heldset"
	case WithheldPage:
		return "withheld"
	case WhyPage:
		return "why"
	case LoginPage:
		return "login"
	}
	return "failure"
}

// HTML returns the whole page.
func (p *Page) HTML() ([]byte, error) { return p.render("page") }

// Moving returns only the part of the page that keeps itself up to date.
func (p *Page) Moving() ([]byte, error) { return p.render("moving") }

func (p *Page) render(part string) ([]byte, error) {
	var b bytes.Buffer
	if err := pages[p.name()].ExecuteTemplate(&b, part, p); err != nil {
		return nil, fmt.Errorf("draw the page %s: %w", p.name(), err)
	}
	return b.Bytes(), nil
}
