//! Codes of actual state, plans and guards.

use super::{Example::Shown, codes};

codes! {
    GUARD_TRIPPED = "P0700" Error "a guard tripped" {
        "The plan would do more than a guard of the policy lets any plan do: take access from too many at once, disable or delete too many accounts, end too many people; or a source brought too few rows, is too old, or has a column that is empty more often than it should be. Guards count what the whole plan does, whatever its cause, so that a broken export or a careless rule is noticed before anything runs.\n\nLook at who is hit. If the export is broken, mend it and plan again. If the change is meant, apply with `--override GUARD --reason \"…\"`; the override is recorded. A tripped guard does not hold what leavers lose, save the guard `leavers`, which holds that alone."
        bad Shown("A policy says `guard revokes at most 5% of accounts per app`; of 200 accounts in `erp`, 40 would lose a role:\n\nguard `revokes` tripped in `erp`: 40 of 200 accounts, at most 10\n"),
        good Shown("guard `revokes` passed in `erp`: 4 of 200 accounts, at most 10\n"),
    }
    UNREADABLE_PLAN = "P0701" Error "this is not a plan that can be read" {
        "A plan is JSON Lines as `prov plan --format jsonl` or `--out FILE` writes it: a first object with `\"type\":\"plan\"`, then one object an action, then one a finding. This file has another form, was written by a later version, or was changed by hand: the id of an action no longer fits what the action does.\n\nMake the plan again; a plan is not for editing."
        bad Shown("{\"action\":\"grant\",\"identity\":\"1\"}\n"),
        good Shown("A file that `prov plan --out plan.jsonl` wrote."),
    }
    INCOMPLETE_PLAN = "P0702" Error "a plan is cut short" {
        "The first line of the plan says how many actions and findings follow, and fewer or more of them are there: the file was cut off while it was copied, or two files were put together. Half a plan might take away without giving, so nothing of it is applied.\n\nCopy the whole file, or make the plan again."
        bad Shown("A plan whose first line says `\"actions\":12`, with 7 actions.\n"),
        good Shown("A plan whose first line says `\"actions\":12`, with 12 actions.\n"),
    }
    STALE_PLAN = "P0703" Error "the policy changed since the plan was made" {
        "A plan carries the hash of the policy it was made from, and the policy at hand has another. What was reviewed is not what the policy says now.\n\nPlan again, review, apply."
        bad Shown("`prov plan --out plan.jsonl`, then an edit of `roles.prov`, then `prov apply plan.jsonl`.\n"),
        good Shown("`prov plan --out plan.jsonl`, then `prov apply plan.jsonl`.\n"),
    }
    UNREADABLE_MEMORY = "P0704" Error "the memory can't be read" {
        "Prov remembers a little of the past: when states with waiting verbs were entered, since when people are missing, how many rows each source had. The file that holds it is not of this form, or a later version wrote it. Without it, waiting times would begin anew, so Prov does not go on as if it were empty.\n\nRestore the file from the last run; or remove it, to begin anew knowingly."
        bad Shown("{\"version\":99}\n"),
        good Shown("{\"version\":1,\"sources\":{\"hr\":{\"rows\":1234}}}\n"),
    }
    WITHHELD = "P0710" Warning "a grant is withheld" {
        "A rule grants this, and it is not given: a `forbid` withholds it, or the value is not in the catalog of its kind. Nothing else of the person is touched by that.\n\nSee `prov explain` for the rules on both sides. A value outside the catalog is most often misspelled, or the catalog is old."
        bad Shown("`forbid erp.role(\"PAYMENTS_ADMIN\") when kind != employee`, and a role that grants it to a contractor.\n"),
        good Shown("The role has `when kind == employee`.\n"),
    }
    SEPARATED = "P0750" Warning "access that may not be held together" {
        "Rules give someone what a `separate` of the policy keeps apart: two sides of one task that nobody may do alone. The finding names what is on which side, what is withheld, and why.\n\nDecide which side the person is to have, and mend the rule that gives the other; or say in the separation which side yields, with `resolve withhold first` or `second`."
        bad Shown("`separate erp.role(\"CREATE_VENDOR\") from erp.role(\"PAY_VENDOR\") because \"SOX-7\"`, and someone to whom rules give both.\n"),
        good Shown("The rules give each person one of them.\n"),
    }
    UNMATCHED_ASSIGNMENT = "P0751" Warning "an assignment is not honoured" {
        "The table `assignments` gives someone a role, and the policy does not let them have it: there is no such person or role, the role is not `requestable`, its condition does not hold, it would be had for longer than `for at most`, whoever gave it may not, or the person has left. Nothing is given by that row.\n\nMend the row, or withdraw it. The condition is looked at all the time: who stops meeting it loses the role on that day."
        bad Shown("`role prod_admin requestable for at most 8 hours`, and in assignments.csv:\n\nidentity,role,from,until\nE1,prod_admin,2026-03-02,2026-04-02\n"),
        good Shown("identity,role,from,until\nE1,prod_admin,2026-03-02T09:00:00Z,2026-03-02T17:00:00Z\n"),
    }
    EXPIRED = "P0752" Notice "something given or decided by hand has ended" {
        "The row of the table `assignments` or `exceptions` says until when it holds, and that time has come (or the time for which the role may be had at most). What it gave is taken away, what it suspended acts again.\n\nTake the row out of the table, or decide anew."
        bad Shown("`assignments.csv`, on 2026-03-10:\n\nidentity,role,from,until\nE1,prod_admin,2026-03-01,2026-03-02\n"),
        good Shown("The row is gone."),
    }
    UNMATCHED_EXCEPTION = "P0753" Warning "an exception does nothing" {
        "The table `exceptions` denies someone a role or an entitlement that the policy does not have, suspends a rule that is not there, or speaks of nobody that is known. The row changes nothing.\n\nA deny names a role, or an entitlement as `app.kind(value)`; an allow names the `forbid` or `separate` that it suspends, by its reason or by the name under which `prov explain` shows it."
        bad Shown("`role treasurer …`, and in exceptions.csv:\n\nidentity,effect,what,until,reason\nE1,deny,tresurer,2026-04-01,case 17\n"),
        good Shown("identity,effect,what,until,reason\nE1,deny,treasurer,2026-04-01,case 17\n"),
    }
    PROTECTED = "P0754" Warning "something protected is not taken away" {
        "A `protect` of the policy stands against what this plan would take away: an account of a protected identity would be disabled or deleted, something would be revoked from it, or revokes would leave an entitlement with fewer members than are protected. The action is not in the plan. Of one entitlement either all revokes that would cost a member are held back or none, since which member stays is not for Prov to choose; and what may not be held together with something that stays does not come either.\n\nMost often the rules or the data lost someone who is needed: mend that. If the change is meant, give the access to someone else first, or take the `protect` out."
        bad Shown("`protect ad.group(\"admins\") at least 2 members`, and an edit of the rule that gives it, by which all three admins would lose it.\n"),
        good Shown("The rule still gives it to two of them.\n"),
    }
    TOO_FEW = "P0755" Warning "fewer members than are protected" {
        "A `protect … at least N members` of the policy is not met once this plan has run, though no revoke of it is carried out: there were too few members before, or some of them leave or may no longer sign in, which a `protect` of members does not hold up. Members are those who hold it, have not left, and whose account in the app is enabled.\n\nGive it to someone else. Where nobody has it at all, its name may be misspelled, or the app is not read yet."
        bad Shown("`protect ad.group(\"admins\") at least 2 members`, and one of the two admins leaves.\n"),
        good Shown("A third person has the group before that.\n"),
    }
    UNMATCHED_PROTECT = "P0756" Warning "a protected identity is nowhere" {
        "A `protect identity` names a key that is in no source and in no app: it protects nobody. The key may be misspelled, or the account that it was meant for is gone.\n\nMend the key, or take the `protect` out."
        bad Shown("`protect identity \"E0001\"`, where people.csv has `E001`.\n"),
        good Shown("`protect identity \"E001\"`\n"),
    }
    TOO_MANY = "P0757" Warning "more holders than a limit has seats" {
        "A `limit` of the policy says how many may hold something, licences that are paid for most often, and more hold it once this plan has run. The plan is carried out all the same: who is to go without is not for Prov to choose. Whoever holds it counts, in a disabled account too, and whoever gave it.\n\nTake it from someone, narrow the rule that gives it, or buy more seats and raise the limit."
        bad Shown("`limit crm.license(sales) at most 40`, and 41 people to whom rules give it.\n"),
        good Shown("`limit crm.license(sales) at most 45`\n"),
    }
    GUEST_OUT = "P0760" Warning "a guest is out" {
        "A guest of a partner is not let in: they are not admitted, nobody answers for them or the sponsor has left, their time or the partnership is over, or no federation of the policy is theirs. No account is made for them; what they have is taken, as from everyone who leaves, and deleted only where their state says so. Whose time is over is named only as long as they have something.\n\nIt ends by itself where the reason does: another sponsor, a later day. `prov explain` shows which condition it is."
        bad Shown("`federation globex of guest { sponsor = host }`, and a guest whose host has left.\n"),
        good Shown("The guest has another host.\n"),
    }
    WOULD = "P0758" Notice "what an observed rule would do" {
        "Something of the policy is observed and not applied (`@stage(observe)`), and this is what it would change for someone: what it would give, or what it, or another rule that it moves, would withhold. Nothing of it is in the plan. What an observed grant would give and someone holds already is not revoked meanwhile; and of whom the data does not say what observed rules would do, nothing is revoked where that might be given.\n\nLook at who is hit. When it is as it should be, take the `@stage(observe)` away."
        bad Shown("`@stage(observe) forbid ad.group(\"vpn\") when kind == contractor because \"SEC-9\"`, and a contractor to whom rules give the group.\n"),
        good Shown("The rules give it to no contractor any more, and the stage is taken away.\n"),
    }
    CONFLICT = "P0711" Warning "accounts conflict" {
        "Someone has several accounts in one app, `correlate` finds several or one that is somebody else's, or the name of the account to be made is taken by somebody else's account, by one that belongs to nobody, or is wanted by two people. Prov does not guess whose an account is: nothing is made, renamed or granted there until it is settled. Who has left is disabled in all of their accounts all the same.\n\nLink or remove the surplus account in the app, or give the name by `unique(…)`."
        bad Shown("`accounts.csv`:\n\napp,account,identity,enabled\nad,jdupont,1,true\nad,jdupont2,1,true\n"),
        good Shown("app,account,identity,enabled\nad,jdupont,1,true\nad,jdupont2,2,true\n"),
    }
    VIOLATION = "P0718" Warning "access is held against the rules" {
        "Someone holds what a `forbid` or an exception denies them, or what a `separate` keeps apart from something else that they hold or are to have; and it is not Prov's to take away: no `managed` covers it and Prov did not grant it, or it is irrevocable, or its app is additive. Nothing that rules give is withheld for it, since what rules give does not hang on what was given by hand.\n\nTake it away in the app. To have Prov take it, write `managed KIND all` in the app. If it is to stay, a reviewer's `allow` in the table `exceptions` suspends the rule for this person, until a day."
        bad Shown("`forbid erp.role(\"PAYMENTS_ADMIN\") when kind == contractor` in an app that does not say `managed role all`, and a contractor to whom someone gave that role by hand.\n"),
        good Shown("`managed role all` in the app: the plan revokes it.\n"),
    }
    UNMANAGED = "P0712" Notice "access that the policy does not manage" {
        "People hold access in an app that no rule gives them, no `managed` pattern covers, and Prov did not grant. Prov never takes away what it neither gave nor is told to manage; it says how much of it there is.\n\nTo have it taken away, write `managed KIND all` (or `managed KIND matches \"eng-*\"`) in the app; to have it explained, write the rule that grants it."
        bad Shown("`app ad via ldap { entitlement group(text) }`, and groups that were given by hand.\n"),
        good Shown("`app ad via ldap { managed group  entitlement group(text) }`\n"),
    }
    ORPHAN_ACCOUNT = "P0713" Warning "an account belongs to nobody" {
        "The account in the app names no identity. It may be a service account, or that of someone nobody remembers. Prov never touches it.\n\nGive it its owner in the app, or remove it."
        bad Shown("`accounts.csv`:\n\napp,account,identity,enabled\nad,old-admin,,true\n"),
        good Shown("app,account,identity,enabled\nad,old-admin,1042,true\n"),
    }
    MISSING_IDENTITY = "P0714" Warning "someone with access is in no source" {
        "The app knows an account or access of this identity, and no source brings the identity. To be absent from an export is not to have left: exports break. So what it has is held as it is, unless a source says `missing means STATE after D`.\n\nFind out why the row is gone. Who has left is best said by the source itself."
        bad Shown("`accounts.csv` has an account of `1042`, and `people.csv` has no row `1042`.\n"),
        good Shown("`people.csv` has the row `1042,terminated`.\n"),
    }
    HELD_IDENTITY = "P0715" Warning "someone is held as they are" {
        "The row of this identity, or of one that its rules read (its manager, say), could not be read. Rules that ran on half a record would grant and revoke wrongly, so nothing is granted or revoked until the row can be read. What does not hang on the broken part still acts: a `forbid` that holds for certain, and a state that says the person has left. Held too is who can't be given a unique name, since there is nothing to make it from or every candidate is taken.\n\nMend the rejected row; the finding `rejected_row` names file, line and column."
        bad Shown("`people.csv`, for `start : date`:\n\nid,start\n1,02.03.2026\n"),
        good Shown("id,start\n1,2026-03-02\n"),
    }
    NAMELESS_ACCOUNT = "P0716" Warning "an account would have no name" {
        "The first attribute of an `account` block is the account's name, and for this identity it is empty. Nothing is made or renamed.\n\nGive the name from an attribute that everyone has, or a default: `login = nick ?? id`."
        bad Shown("`account { login = nick }`, and a person without a nick.\n"),
        good Shown("`account { login = nick ?? id }`\n"),
    }
    LINKED_ACCOUNT = "P0717" Notice "an account is linked to its owner" {
        "The account exists and names no identity; the `correlate` of its app finds exactly one, and so it is treated as theirs: it is renamed, updated, disabled and given access like any other, and a unique name adopts what it is called. Memory keeps the link as long as the actual state does not say whose the account is."
        bad Shown("`account { correlate mail = mail  login = id }`, and accounts.csv:\n\napp,account,identity,enabled,mail\nad,jdupont,,true,jean@acme.example\n"),
        good Shown("app,account,identity,enabled,mail\nad,jdupont,E10064,true,jean@acme.example\n"),
    }
}
