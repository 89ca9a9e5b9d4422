def test_a(whole_run):
    project, run = whole_run
    print(run.output[-300:], run.seconds)
    print(project.planned())
    assert 0
