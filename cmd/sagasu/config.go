package main

import (
	"slices"

	"github.com/spf13/cobra"
)

func configCommand(t *terminal) *cobra.Command {
	check := &cobra.Command{
		Use:   "check",
		Short: "Explain the configuration that serve would use",
		Long: "Prints every setting, its value and where that came from (flag, environment, file, default).\n" +
			"Anything wrong is named, and the exit code is then 2.",
		Args: exactly(0),
	}
	addSettings(check.Flags())
	check.RunE = func(c *cobra.Command, _ []string) error {
		conf, wrong := resolve(c.Flags(), t.env)
		if conf == nil {
			return wrong
		}
		for _, name := range conf.ignored {
			if err := t.message("note: %s is no setting and is ignored", name); err != nil {
				return err
			}
		}
		if err := printConfiguration(t, conf); err != nil {
			return err
		}
		return wrong
	}
	return group(&cobra.Command{Use: "config", Short: "Look at the configuration"}, check)
}

func printConfiguration(t *terminal, conf *configuration) error {
	if t.format == formatJSON {
		shown := slices.Clone(conf.values)
		for i := range shown {
			shown[i].Value = withoutPassword(shown[i].Value)
		}
		return t.printJSON(shown)
	}
	rows := make([][]string, 0, len(conf.values))
	for _, v := range conf.values {
		rows = append(rows, []string{v.Key, withoutPassword(v.Value), v.Source})
	}
	return t.printTable([]string{"SETTING", "VALUE", "FROM"}, rows)
}
