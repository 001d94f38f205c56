// Package jobs keeps bulks of documents on the disk of the node that took them, and writes them in the background.
// What a job has done is noted batch by batch, so that it goes on where it was after the process stopped at any
// instant. docs/formats/jobs.md describes the files.
package jobs
