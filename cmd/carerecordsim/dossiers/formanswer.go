package dossiers

import (
	"crypto/sha1" //nolint:gosec // FHIR R4 says that Attachment.hash is SHA-1
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// answering is one form that is being filled in.
type answering struct {
	*writer
	form  *dutch.Form
	at    time.Time
	cast  *dutch.Cast
	given map[string]string // codes and booleans, by link
	total int               // of the scores so far
	ends  bool              // there is a total
	bare  bool              // without texts and displays, as in many systems
	loose bool              // answers disabled questions too
	brief bool              // answers the first half only
}

func (w *writer) answering(form *dutch.Form, at time.Time) *answering {
	colleague := pick(w.r, w.client.team(at).members)
	return &answering{
		writer: w, form: form, at: at, cast: w.cast(w.r, w.client, colleague), given: map[string]string{},
		bare: chance(w.r, 0.5), loose: chance(w.r, 0.08),
	}
}

func (a *answering) items(list []*dutch.Question) []responseItem {
	if a.brief {
		list = list[:(len(list)+1)/2]
	}
	var items []responseItem
	for _, q := range list {
		if q.Kind == "display" || q.Skipped && chance(a.r, 0.3) || q.After != "" && a.given[q.After] != q.Answer &&
			!a.loose {
			continue
		}
		for range a.times(q) {
			i := responseItem{LinkID: q.Link}
			if !a.bare {
				i.Text = q.Text
			}
			if q.Kind == "group" {
				i.Item = a.items(q.Questions)
			} else {
				i.Answer = a.answers(q)
			}
			if len(i.Answer) > 0 || len(i.Item) > 0 {
				items = append(items, i)
			}
		}
	}
	return items
}

// times returns how often a group is repeated.
func (a *answering) times(q *dutch.Question) int {
	if q.Kind == "group" && q.Repeats {
		return 1 + a.r.IntN(3)
	}
	return 1
}

// answers returns one answer or several different ones. The first has the nested questions.
func (a *answering) answers(q *dutch.Question) []formAnswer {
	var answers []formAnswer
	seen := map[string]bool{}
	wanted := 1
	if q.Repeats {
		wanted += a.r.IntN(3)
	}
	for range wanted {
		answer := a.answer(q)
		said, err := json.Marshal(answer)
		if err != nil || seen[string(said)] {
			continue
		}
		seen[string(said)] = true
		answers = append(answers, answer)
	}
	if len(answers) > 0 {
		answers[0].Item = a.items(q.Questions)
	}
	return answers
}

func (a *answering) answer(q *dutch.Question) formAnswer {
	switch q.Kind {
	case "boolean":
		yes := chance(a.r, 0.6)
		a.given[q.Link] = strconv.FormatBool(yes)
		return formAnswer{ValueBoolean: &yes}
	case "decimal":
		return formAnswer{ValueDecimal: between(a.r, q)}
	case "integer":
		if q.Total {
			a.ends = true
			return formAnswer{ValueInteger: number(strconv.Itoa(a.total))}
		}
		return formAnswer{ValueInteger: between(a.r, q)}
	case "date":
		return formAnswer{ValueDate: a.at.AddDate(0, 0,
			-a.r.IntN(400)).Format(pick(a.r, []string{time.DateOnly, time.DateOnly, "2006-01"}))}
	case "dateTime":
		return formAnswer{ValueDateTime: a.at.Add(-time.Hour).Format(time.RFC3339)}
	case "time":
		return formAnswer{ValueTime: fmt.Sprintf("%02d:%02d:00", a.hour(q), a.r.IntN(4)*15)}
	case "url":
		return formAnswer{ValueURI: "https://" + domain(a.client.family) + "/" + q.Link}
	case "choice":
		return a.choice(q)
	case "open-choice":
		if chance(a.r, 0.3) {
			return formAnswer{ValueString: a.sample(q)}
		}
		return a.choice(q)
	case "quantity":
		v := &quantity{Value: between(a.r, q)}
		if q.Unit != "" {
			v.Unit, v.System, v.Code = q.Unit, ucum, q.Unit
		}
		return formAnswer{ValueQuantity: v}
	case "attachment":
		return formAnswer{ValueAttachment: photo(q.Link, a.at)}
	case "reference":
		return formAnswer{ValueReference: a.person()}
	default:
		return formAnswer{ValueString: a.sample(q)}
	}
}

func (a *answering) sample(q *dutch.Question) string { return pick(a.r, q.Samples).Render(a.r, a.cast) }

// choice returns a random option, or after a total the option for that total.
func (a *answering) choice(q *dutch.Question) formAnswer {
	c := pick(a.r, q.Options)
	if a.ends && c.Score == "" {
		c = q.Options[min(a.total, len(q.Options)-1)]
	}
	a.given[q.Link] = c.Code
	if score, err := strconv.Atoi(c.Score); err == nil {
		a.total += score
	}
	o := option(a.form, c, !a.bare)
	if a.bare {
		o.Display = ""
	}
	return formAnswer{ValueCoding: o}
}

func (a *answering) person() *reference {
	if len(a.client.contacts) > 0 {
		k := a.client.contacts[0]
		ref := to("RelatedPerson", k.id, k.full())
		return &ref
	}
	ref := pick(a.r, a.client.team(a.at).members).reference()
	return &ref
}

// hour returns an hour of going to bed if the question is about that, else of getting up.
func (a *answering) hour(q *dutch.Question) int {
	if q.Link == "avond.bed" {
		return 20 + a.r.IntN(4)
	}
	return 6 + a.r.IntN(4)
}

// between returns a number in the question's range and precision: "1.50" keeps its zero.
func between(r *rand.Rand, q *dutch.Question) json.Number {
	n := q.Low + r.IntN(max(1, q.High-q.Low+1))
	if q.Digits == 0 {
		return number(strconv.Itoa(n))
	}
	factor := 1
	for range q.Digits {
		factor *= 10
	}
	return number(fmt.Sprintf("%d.%0*d", n/factor, q.Digits, n%factor))
}

func number(s string) json.Number { return json.Number(s) }

// onePixel is a PNG of one grey pixel.
const onePixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAADklEQVR4nGJqAAQAAP//AIYAg0yeIEsAAAAASUVORK5CYII="

func photo(title string, at time.Time) *attachment {
	data, _ := base64.StdEncoding.DecodeString(onePixel) // a valid constant
	sum := sha1.Sum(data)                                //nolint:gosec // as above
	return &attachment{
		ContentType: "image/png", Data: data, Size: len(data), Hash: sum[:],
		Title: title + ".png", Creation: at.Format(time.RFC3339),
	}
}
