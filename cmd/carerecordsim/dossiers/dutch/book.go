package dutch

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strings"
)

var (
	//go:embed sentences.txt
	sentencesText string
	//go:embed goals.txt
	goalsText string
	//go:embed documents.txt
	documentsText string
	//go:embed forms.txt
	formsText string
	//go:embed names.txt
	namesText string
)

// Book holds all parsed texts. It is safe for concurrent use.
type Book struct {
	sentences map[string][]Template
	documents map[string][]Template
	goals     []Goal
	forms     []*Form
	names     map[string][]string
}

// Goal is a goal that care plans may have.
type Goal struct {
	Domain   string // mentaal, lichamelijk, participatie or wonen
	Setting  string // "": all
	Title    Template
	Actions  []Template
	Reports  []Template // texts of reports about the goal
	Progress []Template // texts of evaluations
}

// Open parses the texts.
func Open() (*Book, error) {
	b := &Book{names: map[string][]string{}}
	var err error
	if b.sentences, err = templates(sentencesText); err != nil {
		return nil, fmt.Errorf("parse sentences: %w", err)
	}
	if b.documents, err = templates(documentsText); err != nil {
		return nil, fmt.Errorf("parse documents: %w", err)
	}
	if b.goals, err = parseGoals(goalsText); err != nil {
		return nil, fmt.Errorf("parse goals: %w", err)
	}
	if b.forms, err = parseForms(formsText); err != nil {
		return nil, fmt.Errorf("parse forms: %w", err)
	}
	eachLine(namesText, func(group, line string) { b.names[group] = append(b.names[group], line) })
	return b, nil
}

// Pick returns a random name of a group: "vrouw", "straat", …
func (b *Book) Pick(r *rand.Rand, group string) string {
	list := b.names[group]
	return list[r.IntN(len(list))]
}

// Names returns all names of a group, in order.
func (b *Book) Names(group string) []string { return b.names[group] }

// Goals returns the goals for a setting.
func (b *Book) Goals(setting string) []Goal {
	var fitting []Goal
	for _, g := range b.goals {
		if g.Setting == "" || g.Setting == setting {
			fitting = append(fitting, g)
		}
	}
	return fitting
}

// eachLine calls f with each line and the "== group" above it.
func eachLine(text string, f func(group, line string)) {
	group := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "== "):
			group = line[len("== "):]
		default:
			f(group, line)
		}
	}
}

func templates(text string) (map[string][]Template, error) {
	groups := map[string][]Template{}
	var first error
	eachLine(text, func(group, line string) {
		t, err := parseTemplate(line)
		if err != nil && first == nil {
			first = fmt.Errorf("%q: %w", line, err)
		}
		groups[group] = append(groups[group], t)
	})
	return groups, first
}

func parseGoals(text string) ([]Goal, error) {
	var goals []Goal
	var first error
	eachLine(text, func(group, line string) {
		key, value, _ := strings.Cut(line, ": ")
		t, err := parseTemplate(value)
		if err == nil && key != "doel" && len(goals) == 0 {
			err = fmt.Errorf("%s before any doel", key)
		}
		if err == nil {
			goals, err = addToGoals(goals, group, key, t)
		}
		if err != nil && first == nil {
			first = fmt.Errorf("%q: %w", line, err)
		}
	})
	return goals, first
}

func addToGoals(goals []Goal, group, key string, t Template) ([]Goal, error) {
	if key == "doel" {
		domain, setting, _ := strings.Cut(group, " ")
		return append(goals, Goal{Domain: domain, Setting: setting, Title: t}), nil
	}
	g := &goals[len(goals)-1]
	switch key {
	case "actie":
		g.Actions = append(g.Actions, t)
	case "rapport":
		g.Reports = append(g.Reports, t)
	case "voortgang":
		g.Progress = append(g.Progress, t)
	default:
		return goals, fmt.Errorf("key %q", key)
	}
	return goals, nil
}
