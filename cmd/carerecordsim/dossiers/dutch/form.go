package dutch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Form is one version of a form.
type Form struct {
	Code, Version, Title string
	Questions            []*Question
}

// Question is an item of a form: a group, a display or a question. Questions below a question
// belong to its answer.
type Question struct {
	Kind, Link, Text string
	Options          []Choice
	Samples          []Template // example answers
	After            string     // asked only when the question of that link …
	Answer           string     // … has this answer
	Skipped          bool       // sometimes without an answer
	Repeats          bool
	Hidden           bool
	Total            bool   // of the scores of the answers before it
	Unit             string // of a quantity
	Low, High        int    // of a number, in units of its last digit
	Digits           int    // after the decimal point
	Questions        []*Question
}

// Choice is an answer option.
type Choice struct {
	Code, Label string
	Score       string // "": none
}

var questionKinds = []string{
	"group", "display", "boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text", "url",
	"choice", "open-choice", "attachment", "quantity", "reference",
}

// Forms returns every version of every form.
func (b *Book) Forms() []*Form { return b.forms }

// formParser parses forms.txt; a comment in that file describes the format.
type formParser struct {
	forms []*Form
	open  []*Question // the question of each depth, down to the last one read
}

func parseForms(text string) ([]*Form, error) {
	var p formParser
	number := 0
	for line := range strings.Lines(text) {
		number++
		content := strings.TrimLeft(strings.TrimRight(line, "\r\n"), " ")
		if content == "" || content[0] == '#' {
			continue
		}
		if err := p.line(content, (len(strings.TrimRight(line, "\r\n"))-len(content))/2); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return p.forms, nil
}

func (p *formParser) line(content string, depth int) error {
	mark, rest, _ := strings.Cut(content, " ")
	switch {
	case mark == "==":
		code, version, ok := strings.Cut(rest, " ")
		if !ok {
			return fmt.Errorf("form %q without a version", rest)
		}
		p.forms, p.open = append(p.forms, &Form{Code: code, Version: version}), nil
		return nil
	case len(p.forms) == 0:
		return fmt.Errorf("%q before any form", content)
	case mark == "titel:":
		p.forms[len(p.forms)-1].Title = rest
		return nil
	case slices.Contains([]string{"=", "~", "?", "+"}, mark):
		if depth < 1 || depth > len(p.open) {
			return fmt.Errorf("%q has no question above it", content)
		}
		return p.open[depth-1].attribute(mark, rest)
	}
	return p.question(mark, rest, depth)
}

func (p *formParser) question(kind, rest string, depth int) error {
	q := &Question{}
	q.Kind, q.Skipped = strings.CutSuffix(kind, "!")
	var ok bool
	if q.Link, q.Text, ok = strings.Cut(rest, ": "); !ok || !slices.Contains(questionKinds, q.Kind) {
		return fmt.Errorf("%q is not a question", kind+" "+rest)
	}
	if depth > len(p.open) {
		return fmt.Errorf("%s is too deep", q.Link)
	}
	form := p.forms[len(p.forms)-1]
	if depth == 0 {
		form.Questions = append(form.Questions, q)
	} else {
		above := p.open[depth-1]
		above.Questions = append(above.Questions, q)
	}
	p.open = append(p.open[:depth], q)
	return nil
}

func (q *Question) attribute(mark, rest string) error {
	switch mark {
	case "=":
		code, label, ok := strings.Cut(rest, ": ")
		if !ok {
			return fmt.Errorf("option %q without a label", rest)
		}
		code, score, _ := strings.Cut(code, " ")
		q.Options = append(q.Options, Choice{code, label, score})
	case "~":
		t, err := parseTemplate(rest)
		if err != nil {
			return err
		}
		q.Samples = append(q.Samples, t)
	case "?":
		var ok bool
		if q.After, q.Answer, ok = strings.Cut(rest, " = "); !ok {
			return fmt.Errorf("condition %q", rest)
		}
	default:
		return q.trait(strings.Fields(rest))
	}
	return nil
}

func (q *Question) trait(words []string) error {
	var err error
	switch {
	case slices.Equal(words, []string{"repeats"}):
		q.Repeats = true
	case slices.Equal(words, []string{"hidden"}):
		q.Hidden = true
	case slices.Equal(words, []string{"total"}):
		q.Total = true
	case len(words) == 2 && words[0] == "unit":
		q.Unit = words[1]
	case len(words) == 4 && words[0] == "from" && words[2] == "to":
		_, fraction, _ := strings.Cut(words[1], ".")
		q.Digits = len(fraction)
		if q.Low, err = strconv.Atoi(strings.Replace(words[1], ".", "", 1)); err == nil {
			q.High, err = strconv.Atoi(strings.Replace(words[3], ".", "", 1))
		}
	default:
		err = fmt.Errorf("trait %q", words)
	}
	return err
}
