package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds sagasu into a directory and gives the program's path. It must be called within the repository.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "sagasu")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "sagasu/cmd/sagasu").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build sagasu: %w: %s", err, out)
	}
	return binary, nil
}
