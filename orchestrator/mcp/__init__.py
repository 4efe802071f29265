"""pop-deploy as a server of the Model Context Protocol: the commands as tools, for agents that have no shell.

Not here: anything that deploys. Each tool call is the command line itself in a process of its own. Start at `server.serve`.
"""
