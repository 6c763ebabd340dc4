"""What the peers share: where a workload's files lie, and what each rule grants with all its roles bring."""
import json


def rules(folder):
    with open(f"{folder}/rules.json") as f:
        return json.load(f)


def grants(J):
    memo = {}

    def role(r):
        if r not in memo:
            x = J["roles"][r]
            memo[r] = set(x["entitlements"]).union(*[role(q) for q in x["roles"]])
        return memo[r]

    return [sorted(set(x["entitlements"]).union(*[role(q) for q in x["roles"]])) for x in J["rules"]]
