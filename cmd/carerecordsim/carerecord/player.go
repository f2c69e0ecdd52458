package carerecord

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dossiersync/cmd/carerecordsim/cases"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
)

// player plays the later steps of cases, one per tick: the second steps of all cases first,
// then the third ones.
type player struct {
	server *simulator.Server
	steps  []caseStep // that are left
	o      Options
}

type caseStep struct {
	number int
	step   cases.Step
}

// playCases plays the cases, or with Live their first steps.
func (s *System) playCases(o Options) error {
	for _, c := range o.Cases {
		if o.Live > 0 {
			c.Steps = c.Steps[:1]
		}
		if err := c.Play(s.Server, o.Server.Clock()); err != nil {
			return err
		}
	}
	longest := 0
	for _, c := range o.Cases {
		longest = max(longest, len(c.Steps))
	}
	p := &player{server: s.Server, o: o}
	for i := 1; i < longest && o.Live > 0; i++ {
		for _, c := range o.Cases {
			if i < len(c.Steps) {
				p.steps = append(p.steps, caseStep{c.Number, c.Steps[i]})
			}
		}
	}
	if len(p.steps) > 0 {
		s.player = p
	}
	return nil
}

// run plays a step per tick until none is left or ctx ends.
func (p *player) run(ctx context.Context) error {
	ticker := time.NewTicker(p.o.Live)
	defer ticker.Stop()
	for len(p.steps) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		next := p.steps[0]
		p.steps = slices.Delete(p.steps, 0, 1)
		if err := next.step.Play(p.server, p.o.Server.Clock()); err != nil {
			return fmt.Errorf("case %d: %w", next.number, err)
		}
		if p.o.OnChange != nil {
			first := next.step.Writes[0]
			p.o.OnChange(dossiers.Change{What: fmt.Sprintf("case %d, %s", next.number, next.step.Name),
				Type: first.Type, ID: first.ID})
		}
	}
	return nil
}
